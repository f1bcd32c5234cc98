"""The clients of the simulated company, invented by Faker: five languages, four currencies."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from faker import Faker

from local.qonto_simulator.invoices import identifier

FULL_VAT = Decimal("0.2")
NO_VAT = Decimal(0)
# France taxes clients without a VAT number of their own; the others owe the tax at home.
_REVERSE_CHARGE = "S283"
_OUTSIDE_THE_UNION = "S259.1"
_UNION = {"FR", "DE", "IT", "ES", "NL", "IE", "AT", "BE"}

# How Faker makes a VAT number with valid check digits, where its own `vat_id` has none; each # becomes a digit.
_VAT_NUMBERS = {
    "FR": "{{company_vat}}",
    "IT": "{{company_vat}}",
    "ES": "ES{{cif}}",
    "IE": "IE#######V",
    "GB": "GB#########",
    "US": "{{ein}}",
}
# Locale of Faker, currency, and the kinds of clients there.
_MARKETS = (
    ("fr_FR", "EUR", ("company",) * 6 + ("freelancer", "individual", "individual")),
    ("de_DE", "EUR", ("company",) * 3 + ("individual",)),
    ("de_AT", "EUR", ("company",)),
    ("it_IT", "EUR", ("company",) * 2 + ("individual",)),
    ("es_ES", "EUR", ("company",) * 2 + ("freelancer",)),
    ("en_IE", "EUR", ("company",)),
    ("en_GB", "GBP", ("company",) * 2),
    ("en_US", "USD", ("company",)),
    ("de_CH", "CHF", ("company",)),
    ("fr_CH", "CHF", ("company",)),
)


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
    currency: str

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
        place = {"city": self.city, "zip_code": self.zip_code, "province_code": None, "country_code": self.country}
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
            **place,
            "billing_address": {"street_address": self.address, **place},
            "delivery_address": None,
            "locale": self.language,
            "recipient_code": None,
        }


def _invented(locale: str, currency: str, kinds: tuple[str, ...]) -> Iterator[Client]:
    fake = Faker(locale)
    fake.seed_instance(locale)
    language, country = locale.split("_")
    for number, kind in enumerate(kinds):
        vat_number = fake.numerify(fake.parse(_VAT_NUMBERS.get(country, "{{vat_id}}"))).replace(" ", "")
        yield Client(
            id=identifier("client", locale, number),
            kind=kind,
            name=fake.company() if kind == "company" else f"{fake.first_name()} {fake.last_name()}",
            email=f"{fake.user_name()}@{fake.domain_word()}.example",
            vat_number=None if kind == "individual" else vat_number,
            address=fake.street_address().strip().replace("\n", ", "),
            zip_code=fake.postcode(),
            # Faker keeps Italian towns in a set, whose order differs between processes; provinces are named like towns.
            city=fake.state() if country == "IT" else fake.city(),
            country=country,
            language=language,
            currency=currency,
        )


CLIENTS = tuple(client for market in _MARKETS for client in _invented(*market))
