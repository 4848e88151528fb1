"""The made-up companies of the samples: branches, customers, products and the VAT rates of 2025.

Taxpayer numbers begin with 59999, as that of the tax authority's own example file does: their
check digits are right, and nobody has them.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

FINAL_CONSUMER = "999999990"


class Address(NamedTuple):
    """XSD AddressStructure."""

    address_detail: str
    city: str
    postal_code: str
    country: str = "PT"


class SampleCustomer(NamedTuple):
    """XSD MasterFiles/Customer."""

    customer_id: str
    customer_tax_id: str
    company_name: str
    address: Address


class Product(NamedTuple):
    """XSD MasterFiles/Product, its net price in euro and the TaxCode it is sold at."""

    product_code: str
    product_description: str
    product_group: str
    unit_of_measure: str
    unit_price: Decimal
    tax_code: str
    product_type: str = "P"


class Company(NamedTuple):
    """XSD Header, with what the company sells and to whom."""

    tax_registration_number: str
    company_name: str
    business_name: str
    address: Address
    customers: tuple[SampleCustomer, ...]
    products: tuple[Product, ...]


class Branch(NamedTuple):
    """A shop; `region` is its TaxCountryRegion, `till` the number of its first cash register.

    `first_step` is where in the round of document types its samples begin.
    """

    name: str
    region: str
    till: int
    first_step: int
    company: Company


# CIVA, article 18; the reduced rate of Madeira is 4 since October 2024.
TAX_PERCENTAGES = {
    "PT": {"NOR": 23, "INT": 13, "RED": 6, "ISE": 0},
    "PT-AC": {"NOR": 16, "INT": 9, "RED": 4, "ISE": 0},
    "PT-MA": {"NOR": 22, "INT": 12, "RED": 4, "ISE": 0},
}
TAX_TITLES = {
    "NOR": "Taxa normal",
    "INT": "Taxa intermédia",
    "RED": "Taxa reduzida",
    "ISE": "Isento",
}
EXEMPTION_REASON, EXEMPTION_CODE = "Isento artigo 9.º do CIVA", "M07"

_UNKNOWN = Address("Desconhecido", "Desconhecido", "Desconhecido", "Desconhecido")
_CUSTOMERS = (
    SampleCustomer("CF", FINAL_CONSUMER, "Consumidor final", _UNKNOWN),
    SampleCustomer(
        "C0001",
        "599991011",
        "Mercearia Irmãos & Filhos (Exemplo), Lda",
        Address("Rua 1.º de Dezembro, 5 – 2.º Dto", "Porto", "4000-001"),
    ),
    SampleCustomer(
        "C0002", FINAL_CONSUMER, "João Conceição", Address("Travessa da Fé, 3", "Olhão", "-")
    ),
    SampleCustomer(
        "C0003",
        "599991020",
        "Hotel Serra d'Ouro (Exemplo), S.A.",
        Address("Avenida dos Descobrimentos, 120", "Guimarães", "4800-001"),
    ),
    SampleCustomer(
        "C0004",
        "599991038",
        "Associação Recreativa «Os Pioneiros» (Exemplo)",
        Address("Largo da República, 1", "Santarém", "2000-001"),
    ),
    SampleCustomer(
        "C0005",
        "B00000000",
        "Cafés Ibéricos (Ejemplo), S.L.",
        Address("Calle de la Muñeira, 8", "A Coruña", "15001", "ES"),
    ),
)


def _product(code: str, description: str, group: str, price: str, tax: str) -> Product:
    unit = "KG" if description.endswith("(kg)") else "UN"
    return Product(
        code, description, group, unit, Decimal(price), tax, "S" if tax == "ISE" else "P"
    )


_BAKERY = Company(
    "599990015",
    "Padaria Sol & Trigo (Exemplo), Lda",
    "Padaria Sol & Trigo",
    Address("Rua da Fábrica de Pão, 44", "Gondomar", "4420-001"),
    _CUSTOMERS,
    (
        _product("PAO01", "Pão de centeio (kg)", "Padaria", "2.3585", "RED"),
        _product("PAO02", "Broa de Avintes", "Padaria", "2.8302", "RED"),
        _product("PAS01", "Pastel de nata", "Pastelaria", "1.0569", "NOR"),
        _product("PAS02", "Bolo-rei pequeno", "Pastelaria", "9.7154", "NOR"),
        _product("CAF01", "Café expresso", "Cafetaria", "0.7080", "INT"),
        _product("CAF02", "Galão", "Cafetaria", "1.1504", "INT"),
        _product("BEB01", "Água com gás 25 cl", "Bebidas", "0.8943", "NOR"),
        _product("FOR01", "Formação: o pão em casa", "Formação", "35.00", "ISE"),
    ),
)
_GROCERY = Company(
    "599990023",
    "Sabores das Nove Ilhas – Mercearia (Exemplo), Unipessoal Lda",
    "Nove Ilhas",
    Address("Rua do Açor, 9", "Ponta Delgada", "9500-001"),
    _CUSTOMERS,
    (
        _product("QUE01", "Queijo de São Jorge (kg)", "Laticínios", "14.8077", "RED"),
        _product("CHA01", "Chá verde 100 g", "Mercearia", "3.1250", "RED"),
        _product("VIN01", "Vinho do Pico 75 cl", "Bebidas", "8.2110", "INT"),
        _product("ANA01", "Ananás em calda", "Conservas", "4.2672", "NOR"),
        _product("CER01", "Azulejo pintado à mão", "Artesanato", "18.9655", "NOR"),
        _product("FOR02", "Formação: prova de queijos", "Formação", "20.00", "ISE"),
    ),
)
_STATIONER = Company(
    "599990031",
    "Papelaria Três Mares (Exemplo), S.A.",
    "Papelaria Três Mares",
    Address("Avenida Arriaga, 75", "Funchal", "9000-001"),
    _CUSTOMERS,
    (
        _product("LIV01", "Livro «Levadas da Madeira»", "Livraria", "15.0943", "RED"),
        _product("CAD01", "Caderno A4 quadriculado", "Papelaria", "1.9900", "NOR"),
        _product("CAN01", "Caneta azul, ponta 0,7 mm", "Papelaria", "0.4065", "NOR"),
        _product("TON01", "Toner preto, 2.500 páginas", "Informática", "61.7886", "NOR"),
        _product("CAF01", "Café de máquina", "Cafetaria", "0.5310", "INT"),
        _product("FOR03", "Formação: caligrafia", "Formação", "27.50", "ISE"),
    ),
)

BRANCHES = (
    Branch("Gramido", "PT", 202, 0, _BAKERY),
    Branch("Ponta Delgada", "PT-AC", 211, 1, _GROCERY),
    Branch("Funchal", "PT-MA", 221, 3, _STATIONER),
    Branch("Évora", "PT", 203, 4, _BAKERY),
    Branch("Coimbra", "PT", 222, 5, _STATIONER),
    Branch("Matosinhos", "PT", 204, 6, _BAKERY),
)
