"""What the simulated company is, and what it sells, in the languages of its clients. All of it is invented."""
# ruff: noqa: RUF001 - typographic quotes, as people write them

from dataclasses import dataclass
from decimal import Decimal

type Text = dict[str, str]

ORGANIZATION_ID = "7c1e6a52-3f0b-4c8e-9d15-0b6f2a4e8d31"

ORGANIZATION = {
    "id": ORGANIZATION_ID,
    "legal_name": "Atelier Lumière SAS",
    "trade_name": "Atelier Lumière",
    "legal_number": "842917361",
    "legal_form": "SAS",
    "legal_capital": {"value": "40000.00", "currency": "EUR"},
    "vat_number": "FR22842917361",
    "tax_number": None,
    "address": "18 quai Saint-Vincent",
    "zip_code": "69001",
    "city": "Lyon",
    "country": "FR",
    "email": "facturation@atelier-lumiere.example",
    "locale": "fr",
    "district_court": "Lyon",
    "business_activity": "Conception & réalisation d’éclairages",
}

PAYMENT_METHOD = {
    "type": "transfer",
    "beneficiary_name": "Atelier Lumière SAS",
    "bic": "QNTOFRP1XXX",
    "iban": "FR7616958000010123456789037",
}


@dataclass(frozen=True, slots=True)
class Product:
    """Something to put on an invoice line; the price is in euros, before tax."""

    price: Decimal
    unit: Text
    quantities: tuple[Decimal, ...]
    title: Text
    description: Text


_PIECE = {"fr": "pce", "en": "pc", "de": "Stk.", "it": "pz", "es": "ud."}
_DAY = {"fr": "j", "en": "d", "de": "Tg.", "it": "gg", "es": "d"}
_HOUR = {"fr": "h", "en": "h", "de": "Std.", "it": "h", "es": "h"}
_FLAT = {"fr": "forf.", "en": "flat", "de": "psch.", "it": "forf.", "es": "global"}
# Usual quantities: half days and hours, whole pieces.
_TIMES = tuple(map(Decimal, ("0.5", "1", "1.5", "2", "3", "7.5")))
_COUNTS = tuple(map(Decimal, ("1", "2", "3", "4", "6", "12", "40")))
_ONCE = (Decimal(1),)

PRODUCTS = (
    Product(
        Decimal("640.00"),
        _DAY,
        _TIMES,
        {
            "fr": "Étude d’éclairage",
            "en": "Lighting study",
            "de": "Lichtplanung",
            "it": "Studio illuminotecnico",
            "es": "Estudio de iluminación",
        },
        {
            "fr": "Relevés, calculs et plan d’implantation",
            "en": "Survey, calculations and layout plan",
            "de": "Aufmaß, Berechnung und Leuchtenplan für große Flächen",
            "it": "Rilievi, calcoli e planimetria",
            "es": "Mediciones, cálculos y plano de diseño",
        },
    ),
    Product(
        Decimal("389.90"),
        _PIECE,
        _COUNTS,
        {
            "fr": "Suspension « Opale » Ø 60",
            "en": "Pendant light “Opale” Ø 60",
            "de": "Pendelleuchte „Opale“ Ø 60",
            "it": "Sospensione “Opale” Ø 60",
            "es": "Lámpara colgante “Opale” Ø 60",
        },
        {
            "fr": "Verre soufflé bouche, LED 2700 K, variateur inclus",
            "en": "Mouth-blown glass, LED 2700 K, dimmer included",
            "de": "Mundgeblasenes Glas, LED 2700 K, dimmbar",
            "it": "Vetro soffiato, LED 2700 K, dimmer incluso",
            "es": "Vidrio soplado, LED 2700 K, regulador incluido",
        },
    ),
    Product(
        Decimal("74.50"),
        _PIECE,
        _COUNTS,
        {
            "fr": "Spot encastré Ligne 8",
            "en": "Recessed spotlight Ligne 8",
            "de": "Einbaustrahler Ligne 8",
            "it": "Faretto da incasso Ligne 8",
            "es": "Foco empotrable Ligne 8",
        },
        {
            "fr": "IRC > 95, angle 24°",
            "en": "CRI > 95, beam angle 24°",
            "de": "CRI > 95, Abstrahlwinkel 24°",
            "it": "CRI > 95, fascio 24°",
            "es": "CRI > 95, ángulo 24°",
        },
    ),
    Product(
        Decimal("58.00"),
        _HOUR,
        _TIMES,
        {
            "fr": "Pose et raccordement",
            "en": "Fitting & wiring",
            "de": "Montage und Anschluss",
            "it": "Posa e collegamento",
            "es": "Montaje y conexión",
        },
        {
            "fr": "Deux monteurs, déplacement compris",
            "en": "Two fitters, travel included",
            "de": "Zwei Monteure, Anfahrt inklusive",
            "it": "Due installatori, trasferta inclusa",
            "es": "Dos montadores, desplazamiento incluido",
        },
    ),
    Product(
        Decimal("1180.00"),
        _FLAT,
        _ONCE,
        {
            "fr": "Maintenance annuelle",
            "en": "Annual maintenance",
            "de": "Jahreswartung",
            "it": "Manutenzione annuale",
            "es": "Mantenimiento anual",
        },
        {
            "fr": "Deux visites & remplacement des modules",
            "en": "Two visits & module replacement",
            "de": "Zwei Besuche & Modultausch",
            "it": "Due visite & sostituzione dei moduli",
            "es": "Dos visitas & sustitución de módulos",
        },
    ),
    Product(
        Decimal("245.00"),
        _PIECE,
        _COUNTS,
        {
            "fr": "Applique murale « Aube »",
            "en": "Wall light “Aube”",
            "de": "Wandleuchte „Aube“",
            "it": "Applique “Aube”",
            "es": "Aplique de pared “Aube”",
        },
        {
            "fr": "Laiton brossé, IP44",
            "en": "Brushed brass, IP44",
            "de": "Messing gebürstet, IP44",
            "it": "Ottone spazzolato, IP44",
            "es": "Latón cepillado, IP44",
        },
    ),
)
