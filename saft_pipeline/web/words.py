"""The words of our pages in English and Portuguese, and how numbers and times are written."""

from __future__ import annotations

from dataclasses import dataclass

from saft_pipeline.web.pages import LanguageCode

STATE_WORDS = {
    "failed": "failed",
    "unreadable": "unreadable",
    "gone": "gone",
    "incomplete": "incomplete",
    "running": "loading",
    "pending": "waiting",
    "loaded": "loaded",
    "empty": "loaded, no invoices",
}

_PT = {
    "failed": "falhou",
    "unreadable": "ilegível",
    "gone": "desapareceu",
    "incomplete": "incompleto",
    "loading": "a carregar",
    "waiting": "à espera",
    "loaded": "carregado",
    "loaded, no invoices": "carregado, sem faturas",
    "All is well": "Está tudo bem",
    "Look at this": "Requer atenção",
    "Something is wrong": "Há um problema",
    "{n} files are loaded; nothing failed and nothing waits.": (
        "{n} ficheiros carregados; nada falhou e nada está à espera."
    ),
    "Nothing was loaded yet. Drop a SAF-T file into the SFTP folder.": (
        "Ainda nada foi carregado. Coloque um ficheiro SAF-T na pasta SFTP."
    ),
    "{n} files were not loaded": "{n} ficheiros não foram carregados",
    "1 file was not loaded": "1 ficheiro não foi carregado",
    "Read its reason below: have it exported again (it is taken by itself), or press Retry.": (
        "Leia o motivo abaixo: volte a exportar o ficheiro (é recolhido automaticamente) ou "
        "clique em Repetir."
    ),
    "{n} files wait to be loaded": "{n} ficheiros à espera de serem carregados",
    "1 file waits to be loaded": "1 ficheiro à espera de ser carregado",
    "the oldest": "o mais antigo",
    "the database does not answer": "a base de dados não responde",
    "Dagster does not answer": "o Dagster não responde",
    "the SFTP server does not answer": "o servidor SFTP não responde",
    "the last look at the folder failed": "a última consulta da pasta falhou",
    "It is asked again by itself; this page recovers when it answers.": (
        "Volta a ser consultado automaticamente; esta página recupera assim que responder."
    ),
    "Files": "Ficheiros",
    "Source": "Origem",
    "Not loaded": "Não carregados",
    "Under way": "Em curso",
    "Newest files": "Ficheiros mais recentes",
    "Speed": "Ritmo",
    "Servers": "Servidores",
    "Reports": "Relatórios",
    "State": "Estado",
    "File": "Ficheiro",
    "Company": "Empresa",
    "Invoices": "Faturas",
    "Wait (s)": "Espera (s)",
    "Reason": "Motivo",
    "Retry": "Repetir",
    "Cancel": "Cancelar",
    "Poll now": "Consultar agora",
    "{name} waits in the queue": "{name} está na fila",
    "the run is being ended": "a execução está a ser terminada",
    "the folder will be looked at within seconds": "a pasta será consultada dentro de segundos",
    "Run": "Execução",
    "run": "execução",
    "partition": "partição",
    "checks": "verificações",
    "Nothing runs.": "Nada em execução.",
    "Nothing failed.": "Nada falhou.",
    "No files yet.": "Ainda não há ficheiros.",
    "Files an hour, last 24 hours": "Ficheiros por hora, últimas 24 horas",
    "Files a day, last 7 days": "Ficheiros por dia, últimos 7 dias",
    "{files} files, {rows} rows": "{files} ficheiros, {rows} registos",
    "most: {n}": "máximo: {n}",
    "workers": "processos",
    "Last look": "Última consulta",
    "Next look": "Próxima consulta",
    "in seconds": "dentro de segundos",
    "never": "nunca",
    "connected": "ligado",
    "asking…": "a consultar…",
    "SFTP server": "Servidor SFTP",
    "Database": "Base de dados",
    "From": "De",
    "To": "Até",
    "VAT": "IVA",
    "Sales": "Vendas",
    "Show": "Mostrar",
    "Report": "Relatório",
    "Log out": "Sair",
    "Status": "Estado",
    "warnings": "avisos",
    "try": "tentativa",
    "tried again by itself": "repetido automaticamente",
    "Next page": "Página seguinte",
    "All files": "Todos os ficheiros",
    "its daemon shows no sign of life: nothing is polled or loaded; start it with `saft up`": (
        "o seu daemon não dá sinal de vida: nada é consultado nem carregado; inicie-o com `saft up`"
    ),
    "no answer in time; try again later": "sem resposta a tempo",
    "no answer within 10 s": "sem resposta em 10 s",
    "it vanished from the server before it was loaded": (
        "desapareceu do servidor antes de ser carregado"
    ),
    "Read by this page": "Lido por esta página",
    "done": "feito",
    "no answer; trying again": "sem resposta; a tentar de novo",
    "no answer; try again": "sem resposta; tente de novo",
    "{seen} files seen, {taken} new": "{seen} ficheiros vistos, {taken} novos",
    "This can't be shown": "Isto não pode ser mostrado",
    "Back to the status page": "Voltar à página de estado",
    "No such file.": "Nenhum ficheiro encontrado.",
    "No company is loaded yet.": "Ainda não há empresas carregadas.",
    "version": "versão",
    "line": "linha",
    "API": "API",
    "1 file": "1 ficheiro",
    "{n} files": "{n} ficheiros",
    "Pages": "Páginas",
    "Action": "Ação",
    "Path": "Caminho",
    "Find": "Procurar",
    "Log in": "Entrar",
    "User": "Utilizador",
    "Password": "Palavra-passe",
    "Wrong user or password.": "Utilizador ou palavra-passe incorretos.",
    "Too many tries; wait {n} s.": "Demasiadas tentativas; espere {n} s.",
}
_PT_OF_MANY = {
    "failed": "falharam",
    "unreadable": "ilegíveis",
    "gone": "desapareceram",
    "incomplete": "incompletos",
    "loaded": "carregados",
    "loaded, no invoices": "carregados, sem faturas",
}
"""The same of several files, where that is said otherwise."""

_PT_REFUSALS = {
    "busy": "outra execução está a carregar este ficheiro",
    "nothing_to_retry": "o ficheiro já está carregado ou há uma versão mais recente",
    "other_source": "o ficheiro é de um servidor que já não está em uso",
    "unknown_file": "o ficheiro já não existe",
    "unknown_task": "a execução já não existe",
    "not_cancelled": "a execução já terminou ou não pode ser terminada",
    "sensor_stopped": "o sensor está desligado no Dagster",
    "no_location": "o Dagster não tem o saft_pipeline carregado",
    "database": "a base de dados não responde",
    "dagster": "o Dagster não responde",
    "timeout": "sem resposta a tempo; tente mais tarde",
    "too_many_requests": "demasiados pedidos; espere um pouco",
}
"""What the API answers to a click, by its code."""


@dataclass(frozen=True)
class Words:
    """A language: a text is named by its English wording."""

    lang: LanguageCode

    def __call__(self, english: str, **values: object) -> str:
        """The text, with `{values}` filled in."""
        text = _PT.get(english, english) if self.lang == "pt" else english
        return text.format(**values) if values else text

    def counted(self, state: str, count: int) -> str:
        """The word for the state of so many files."""
        many = _PT_OF_MANY if self.lang == "pt" and count != 1 else {}
        return many.get(state) or self(state)

    def refusals(self) -> dict[str, str]:
        """By their code, where the API's own words are in another language."""
        return _PT_REFUSALS if self.lang == "pt" else {}

    def number(self, value: float, places: int = 0) -> str:
        """With thousands apart."""
        text = f"{value:,.{places}f}"
        if self.lang == "pt":
            text = text.translate({ord(","): "\N{NO-BREAK SPACE}", ord("."): ","})
        return text
