"""The XML of the samples, element by element in the order of the schema (1.04_01)."""

from __future__ import annotations

OPENING = """\
<?xml version="1.0" encoding="{encoding}"?>
<AuditFile xmlns="urn:OECD:StandardAuditFile-Tax:PT_1.04_01">
{header}\
  <MasterFiles>
{customers}\
{products}\
    <TaxTable>
{tax_table}\
    </TaxTable>
  </MasterFiles>
  <SourceDocuments>
    <SalesInvoices>
{totals}\
"""

CLOSING = """\
    </SalesInvoices>
{payments}\
  </SourceDocuments>
</AuditFile>
"""

HEADER = """\
  <Header>
    <AuditFileVersion>1.04_01</AuditFileVersion>
    <CompanyID>{company_id}</CompanyID>
    <TaxRegistrationNumber>{company_id}</TaxRegistrationNumber>
    <TaxAccountingBasis>F</TaxAccountingBasis>
    <CompanyName>{company_name}</CompanyName>
    <BusinessName>{business_name}</BusinessName>
    <CompanyAddress>
      <AddressDetail>{address_detail}</AddressDetail>
      <City>{city}</City>
      <PostalCode>{postal_code}</PostalCode>
      <Country>{country}</Country>
    </CompanyAddress>
    <FiscalYear>{fiscal_year}</FiscalYear>
    <StartDate>{start_date}</StartDate>
    <EndDate>{end_date}</EndDate>
    <CurrencyCode>EUR</CurrencyCode>
    <DateCreated>{date_created}</DateCreated>
    <TaxEntity>Global</TaxEntity>
    <ProductCompanyTaxID>599990007</ProductCompanyTaxID>
    <SoftwareCertificateNumber>0</SoftwareCertificateNumber>
    <ProductID>Faturação de Exemplo/Exemplo, Lda</ProductID>
    <ProductVersion>1.0</ProductVersion>
    <HeaderComment>Dados fictícios, para demonstração</HeaderComment>
  </Header>
"""

CUSTOMER = """\
    <Customer>
      <CustomerID>{customer_id}</CustomerID>
      <AccountID>Desconhecido</AccountID>
      <CustomerTaxID>{customer_tax_id}</CustomerTaxID>
      <CompanyName>{company_name}</CompanyName>
      <BillingAddress>
        <AddressDetail>{address_detail}</AddressDetail>
        <City>{city}</City>
        <PostalCode>{postal_code}</PostalCode>
        <Country>{country}</Country>
      </BillingAddress>
      <SelfBillingIndicator>0</SelfBillingIndicator>
    </Customer>
"""

PRODUCT = """\
    <Product>
      <ProductType>{product_type}</ProductType>
      <ProductCode>{product_code}</ProductCode>
      <ProductGroup>{product_group}</ProductGroup>
      <ProductDescription>{product_description}</ProductDescription>
      <ProductNumberCode>{product_code}</ProductNumberCode>
    </Product>
"""

TAX_TABLE_ENTRY = """\
      <TaxTableEntry>
        <TaxType>IVA</TaxType>
        <TaxCountryRegion>{region}</TaxCountryRegion>
        <TaxCode>{code}</TaxCode>
        <Description>{title}</Description>
        <TaxPercentage>{percentage}</TaxPercentage>
      </TaxTableEntry>
"""

CONTROL_TOTALS = """\
      <NumberOfEntries>{number_of_entries}</NumberOfEntries>
      <TotalDebit>{total_debit}</TotalDebit>
      <TotalCredit>{total_credit}</TotalCredit>
"""

INVOICE = """\
      <Invoice>
        <InvoiceNo>{invoice_no}</InvoiceNo>
        <ATCUD>{atcud}</ATCUD>
        <DocumentStatus>
          <InvoiceStatus>{status}</InvoiceStatus>
          <InvoiceStatusDate>{status_date}</InvoiceStatusDate>
{reason}\
          <SourceID>caixa</SourceID>
          <SourceBilling>P</SourceBilling>
        </DocumentStatus>
        <Hash>{hash}</Hash>
        <HashControl>1</HashControl>
        <Period>{period}</Period>
        <InvoiceDate>{date}</InvoiceDate>
        <InvoiceType>{invoice_type}</InvoiceType>
        <SpecialRegimes>
          <SelfBillingIndicator>0</SelfBillingIndicator>
          <CashVATSchemeIndicator>0</CashVATSchemeIndicator>
          <ThirdPartiesBillingIndicator>0</ThirdPartiesBillingIndicator>
        </SpecialRegimes>
        <SourceID>caixa</SourceID>
        <SystemEntryDate>{entry}</SystemEntryDate>
        <CustomerID>{customer_id}</CustomerID>
{lines}\
        <DocumentTotals>
          <TaxPayable>{tax_payable}</TaxPayable>
          <NetTotal>{net_total}</NetTotal>
          <GrossTotal>{gross_total}</GrossTotal>
{payments}\
        </DocumentTotals>
      </Invoice>
"""

REASON = """\
          <Reason>{reason}</Reason>
"""

LINE = """\
        <Line>
          <LineNumber>{number}</LineNumber>
          <ProductCode>{product_code}</ProductCode>
          <ProductDescription>{product_description}</ProductDescription>
          <Quantity>{quantity}</Quantity>
          <UnitOfMeasure>{unit}</UnitOfMeasure>
          <UnitPrice>{unit_price}</UnitPrice>
          <TaxPointDate>{day}</TaxPointDate>
{references}\
          <Description>{product_description}</Description>
          <{side}Amount>{amount}</{side}Amount>
{tax}\
        </Line>
"""

REFERENCES = """\
          <References>
            <Reference>{reference}</Reference>
            <Reason>Devolução</Reason>
          </References>
"""

TAX = """\
          <Tax>
            <TaxType>IVA</TaxType>
            <TaxCountryRegion>{region}</TaxCountryRegion>
            <TaxCode>{code}</TaxCode>
            <TaxPercentage>{percentage}</TaxPercentage>
          </Tax>
"""

EXEMPTION = """\
          <TaxExemptionReason>{reason}</TaxExemptionReason>
          <TaxExemptionCode>{code}</TaxExemptionCode>
"""

PAYMENT = """\
          <Payment>
            <PaymentMechanism>{mechanism}</PaymentMechanism>
            <PaymentAmount>{amount}</PaymentAmount>
            <PaymentDate>{day}</PaymentDate>
          </Payment>
"""

RECEIPT = """\
      <Payment>
        <PaymentRefNo>RG {series}/{number}</PaymentRefNo>
        <ATCUD>ARG{till:05}-{number}</ATCUD>
        <TransactionDate>{day}</TransactionDate>
        <PaymentType>RG</PaymentType>
        <DocumentStatus>
          <PaymentStatus>N</PaymentStatus>
          <PaymentStatusDate>{entry}</PaymentStatusDate>
          <SourceID>caixa</SourceID>
          <SourcePayment>P</SourcePayment>
        </DocumentStatus>
        <PaymentMethod>
          <PaymentMechanism>TB</PaymentMechanism>
          <PaymentAmount>{amount}</PaymentAmount>
          <PaymentDate>{day}</PaymentDate>
        </PaymentMethod>
        <SourceID>caixa</SourceID>
        <SystemEntryDate>{entry}</SystemEntryDate>
        <CustomerID>{customer_id}</CustomerID>
        <Line>
          <LineNumber>1</LineNumber>
          <SourceDocumentID>
            <OriginatingON>{invoice_no}</OriginatingON>
            <InvoiceDate>{day}</InvoiceDate>
          </SourceDocumentID>
          <CreditAmount>{amount}</CreditAmount>
        </Line>
        <DocumentTotals>
          <TaxPayable>0.00</TaxPayable>
          <NetTotal>{amount}</NetTotal>
          <GrossTotal>{amount}</GrossTotal>
        </DocumentTotals>
      </Payment>
"""
