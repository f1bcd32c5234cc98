"""The clients of the simulated company: five languages, four currencies, all invented."""
# ruff: noqa: RUF001 - typographic quotes, as people write them

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

FULL_VAT = Decimal("0.2")
NO_VAT = Decimal(0)
# France taxes clients without a VAT number of their own; the others owe the tax at home.
_REVERSE_CHARGE = "S283"
_OUTSIDE_THE_UNION = "S259.1"
_UNION = {"FR", "DE", "IT", "ES", "NL", "IE", "AT", "BE"}


@dataclass(frozen=True, slots=True)
class Client:
    """A person or a company that receives invoices in one language and one currency."""

    id: str
    kind: str
    name: str
    email: str
    vat_number: str | None
    address: str
    zip_code: str
    city: str
    country: str
    language: str
    currency: str = "EUR"

    @property
    def vat_rate(self) -> Decimal:
        """The French rate for this client: none for businesses abroad."""
        return FULL_VAT if self.country == "FR" or self.vat_number is None else NO_VAT

    @property
    def vat_exemption_reason(self) -> str | None:
        """Why there is no VAT, where there is none."""
        if self.vat_rate:
            return None
        return _REVERSE_CHARGE if self.country in _UNION else _OUTSIDE_THE_UNION

    def as_served(self) -> dict[str, Any]:
        """Return the client as it is embedded in an invoice."""
        address = {
            "street_address": self.address,
            "city": self.city,
            "zip_code": self.zip_code,
            "province_code": None,
            "country_code": self.country,
        }
        names = {}
        if self.kind != "company":
            first, _, last = self.name.partition(" ")
            names = {"first_name": first, "last_name": last}
        return {
            "id": self.id,
            "type": self.kind,
            "name": self.name,
            **names,
            "email": self.email,
            "vat_number": self.vat_number,
            "tax_identification_number": None,
            "address": self.address,
            "city": self.city,
            "zip_code": self.zip_code,
            "province_code": None,
            "country_code": self.country,
            "billing_address": address,
            "delivery_address": None,
            "locale": self.language,
            "recipient_code": None,
        }


_COMPANY, _PERSON, _FREELANCER = "company", "individual", "freelancer"


def _client(number: int, *fields: str | None) -> Client:
    kind, name, email, vat_number, *rest = fields
    return Client(
        f"5d0c4b1e-{number:04d}-4a7b-8c2d-3e9f60a1b{number:03d}",
        str(kind),
        str(name),
        str(email),
        vat_number,
        *(str(text) for text in rest),
    )


_ROWS: tuple[tuple[str | None, ...], ...] = (
    (_COMPANY, "Maison Béranger & Fils", "compta@beranger.example", "FR01403303266",
     "12 rue des Tisserands", "69002", "Lyon", "FR", "fr"),
    (_COMPANY, "Hôtel de la Œuvre SARL", "direction@hotel-oeuvre.example", "FR86512874462",
     "3 place Bellecour", "69002", "Lyon", "FR", "fr"),
    (_COMPANY, "Clinique Saint-Rémi", "achats@saint-remi.example", "FR29775684012",
     "45 avenue Jean-Jaurès", "51100", "Reims", "FR", "fr"),
    (_COMPANY, "Boulangerie “Le Levain d’Or”", "bonjour@levain-dor.example", "FR34489302216",
     "8 rue Mercière", "38000", "Grenoble", "FR", "fr"),
    (_COMPANY, "Mairie de Villefranche", "marches@villefranche.example", "FR28216902643",
     "183 rue de la Paix", "69400", "Villefranche-sur-Saône", "FR", "fr"),
    (_FREELANCER, "Zoé L’Hermitte", "zoe@lhermitte.example", None,
     "27 montée de la Grande-Côte", "69001", "Lyon", "FR", "fr"),
    (_PERSON, "Agnès Çelik", "agnes.celik@courriel.example", None,
     "2 bis impasse des Acacias", "42000", "Saint-Étienne", "FR", "fr"),
    (_PERSON, "Noël d’Ornano", "noel@dornano.example", None,
     "Lieu-dit « Les Granges »", "26150", "Die", "FR", "fr"),
    (_COMPANY, "Théâtre du Petit Jour", "technique@petitjour.example", "FR05402118962",
     "1 cours Gambetta", "34000", "Montpellier", "FR", "fr"),
    (_COMPANY, "Müller & Söhne Leuchten GmbH", "buchhaltung@mueller-leuchten.example", "DE812526315",
     "Goethestraße 14", "80336", "München", "DE", "de"),
    (_COMPANY, "Café Weiß KG", "rechnung@cafe-weiss.example", "DE267849311",
     "Große Bleichen 21", "20354", "Hamburg", "DE", "de"),
    (_COMPANY, "Schöne + Partner Architekten", "office@schoene-partner.example", "DE301948827",
     "Kastanienallee 77", "10435", "Berlin", "DE", "de"),
    (_PERSON, "Jürgen Groß", "juergen.gross@post.example", None,
     "Am Mühlbach 3", "79104", "Freiburg im Breisgau", "DE", "de"),
    (_COMPANY, "Wiener Salon OG", "verwaltung@wiener-salon.example", "ATU69284415",
     "Lindengasse 40/2", "1070", "Wien", "AT", "de"),
    (_COMPANY, "Studio Però S.r.l.", "amministrazione@studiopero.example", "IT03968410967",
     "Via Tortona 31", "20144", "Milano", "IT", "it"),
    (_COMPANY, "Trattoria Città Alta", "conti@cittaalta.example", "IT02817340164",
     "Via Gombito 7", "24129", "Bergamo", "IT", "it"),
    (_PERSON, "Niccolò D’Angiò", "niccolo@dangio.example", None,
     "Corso Vittorio Emanuele II 9", "10123", "Torino", "IT", "it"),
    (_COMPANY, "Diseño Ibáñez S.L.", "facturas@ibanez.example", "ESB84721903",
     "Calle de Sagasta 22", "28004", "Madrid", "ES", "es"),
    (_COMPANY, "Peñíscola Hoteles S.A.", "proveedores@peniscola-hoteles.example", "ESA12904477",
     "Avenida del Papa Luna 156", "12598", "Peñíscola", "ES", "es"),
    (_FREELANCER, "Begoña Núñez", "begona@nunez.example", "ES51489027K",
     "Carrer d’Aribau 98", "08036", "Barcelona", "ES", "es"),
    (_COMPANY, "Grafton & Byrne Ltd", "accounts@graftonbyrne.example", "IE6388047V",
     "14 Merrion Row", "D02 YX88", "Dublin", "IE", "en"),
    (_COMPANY, "Whitfield Interiors Ltd", "accounts@whitfield.example", "GB293847561",
     "5 Lamb’s Conduit Passage", "WC1R 4RG", "London", "GB", "en", "GBP"),
    (_COMPANY, "Fjord & Field LLP", "billing@fjordfield.example", "GB184402937",
     "22 Leith Walk", "EH6 5AA", "Edinburgh", "GB", "en", "GBP"),
    (_COMPANY, "Bright Harbor Hospitality, Inc.", "ap@brightharbor.example", "US47-3829104",
     "410 Commercial Street, Suite 3", "ME 04101", "Portland", "US", "en", "USD"),
    (_COMPANY, "Lichthof Zürich AG", "kreditoren@lichthof.example", "CHE-284.917.336 MWST",
     "Löwenstraße 55", "8001", "Zürich", "CH", "de", "CHF"),
    (_COMPANY, "Galerie du Léman Sàrl", "compta@galerie-leman.example", "CHE-390.112.805 TVA",
     "6 quai du Mont-Blanc", "1201", "Genève", "CH", "fr", "CHF"),
)  # fmt: skip

CLIENTS = tuple(_client(number, *row) for number, row in enumerate(_ROWS))
