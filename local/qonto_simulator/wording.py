"""The words of an invoice in each language: what is printed, and the texts that the API carries."""
# ruff: noqa: RUF001 - typographic quotes, as people write them

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wording:
    """Everything that differs by language."""

    invoice: str
    draft: str
    number: str
    issued: str
    due: str
    period: str
    billed_to: str
    order: str
    designation: str
    quantity: str
    unit_price: str
    vat: str
    amount: str
    discount: str
    subtotal: str
    vat_base: str
    total: str
    payment: str
    beneficiary: str
    exempt: str
    registered: str
    page: str
    generated: str
    header: str
    terms: str
    penalties: str
    early: str
    compensation: str
    footer: str
    thousands: str
    decimal: str
    date: str = "%d/%m/%Y"
    symbol_first: bool = False


WORDINGS = {
    "fr": Wording(
        invoice="Facture",
        draft="BROUILLON",
        number="Numéro",
        issued="Date d’émission",
        due="Échéance",
        period="Prestation",
        billed_to="Facturé à",
        order="Bon de commande",
        designation="Désignation",
        quantity="Qté",
        unit_price="Prix unitaire HT",
        vat="TVA",
        amount="Montant HT",
        discount="Remise",
        subtotal="Total HT",
        vat_base="Base HT",
        total="Total TTC",
        payment="Règlement par virement",
        beneficiary="Bénéficiaire",
        exempt="Autoliquidation, article 283-2 du CGI",
        registered="RCS",
        page="Page",
        generated="Document établi le",
        header="Merci de votre confiance.",
        terms="Paiement à 30 jours date de facture, par virement.",
        penalties="Pénalités de retard : trois fois le taux d’intérêt légal.",
        early="Pas d’escompte pour paiement anticipé.",
        compensation="Indemnité forfaitaire pour frais de recouvrement : 40 €.",
        footer="Les luminaires restent notre propriété jusqu’au paiement complet.",
        thousands="\u00a0",
        decimal=",",
    ),
    "en": Wording(
        invoice="Invoice",
        draft="DRAFT",
        number="Number",
        issued="Date of issue",
        due="Due date",
        period="Service period",
        billed_to="Billed to",
        order="Purchase order",
        designation="Description",
        quantity="Qty",
        unit_price="Unit price",
        vat="VAT",
        amount="Net amount",
        discount="Discount",
        subtotal="Net total",
        vat_base="Taxable",
        total="Total due",
        payment="Payment by bank transfer",
        beneficiary="Beneficiary",
        exempt="VAT reverse charge, or outside the scope of French VAT",
        registered="Trade register",
        page="Page",
        generated="Generated on",
        header="Thank you for your business.",
        terms="Payable within 30 days of the invoice date, by bank transfer.",
        penalties="Late payment: three times the French statutory interest rate.",
        early="No discount for early payment.",
        compensation="Fixed compensation for recovery costs: €40.",
        footer="Goods remain our property until paid in full.",
        thousands=",",
        decimal=".",
        date="%d %b %Y",
        symbol_first=True,
    ),
    "de": Wording(
        invoice="Rechnung",
        draft="ENTWURF",
        number="Nummer",
        issued="Rechnungsdatum",
        due="Fällig am",
        period="Leistungszeitraum",
        billed_to="Rechnung an",
        order="Bestellnummer",
        designation="Bezeichnung",
        quantity="Menge",
        unit_price="Einzelpreis netto",
        vat="USt.",
        amount="Betrag netto",
        discount="Rabatt",
        subtotal="Summe netto",
        vat_base="Nettobasis",
        total="Gesamtbetrag",
        payment="Zahlung per Überweisung",
        beneficiary="Empfänger",
        exempt="Steuerschuldnerschaft des Leistungsempfängers",
        registered="Handelsregister",
        page="Seite",
        generated="Erstellt am",
        header="Vielen Dank für Ihren Auftrag.",
        terms="Zahlbar innerhalb von 30 Tagen ab Rechnungsdatum, ohne Abzug.",
        penalties="Bei Verzug: das Dreifache des gesetzlichen französischen Zinssatzes.",
        early="Kein Skonto.",
        compensation="Pauschale für Beitreibungskosten: 40 €.",
        footer="Die Ware bleibt bis zur vollständigen Bezahlung unser Eigentum.",
        thousands=".",
        decimal=",",
        date="%d.%m.%Y",
    ),
    "it": Wording(
        invoice="Fattura",
        draft="BOZZA",
        number="Numero",
        issued="Data di emissione",
        due="Scadenza",
        period="Periodo",
        billed_to="Intestata a",
        order="Ordine d’acquisto",
        designation="Descrizione",
        quantity="Q.tà",
        unit_price="Prezzo unitario",
        vat="IVA",
        amount="Imponibile",
        discount="Sconto",
        subtotal="Totale imponibile",
        vat_base="Base",
        total="Totale fattura",
        payment="Pagamento con bonifico",
        beneficiary="Beneficiario",
        exempt="Inversione contabile, art. 196 direttiva 2006/112/CE",
        registered="Registro imprese",
        page="Pagina",
        generated="Documento generato il",
        header="Grazie per la fiducia.",
        terms="Pagamento a 30 giorni data fattura, con bonifico bancario.",
        penalties="Interessi di mora: tre volte il tasso legale francese.",
        early="Nessuno sconto per pagamento anticipato.",
        compensation="Indennizzo forfettario per le spese di recupero: 40 €.",
        footer="La merce resta di nostra proprietà fino al saldo completo.",
        thousands=".",
        decimal=",",
    ),
    "es": Wording(
        invoice="Factura",
        draft="BORRADOR",
        number="Número",
        issued="Fecha de emisión",
        due="Vencimiento",
        period="Periodo",
        billed_to="Facturado a",
        order="Pedido",
        designation="Descripción",
        quantity="Cant.",
        unit_price="Precio unitario",
        vat="IVA",
        amount="Importe neto",
        discount="Descuento",
        subtotal="Base imponible",
        vat_base="Base",
        total="Total factura",
        payment="Pago por transferencia",
        beneficiary="Beneficiario",
        exempt="Inversión del sujeto pasivo, art. 196 Directiva 2006/112/CE",
        registered="Registro mercantil",
        page="Página",
        generated="Documento generado el",
        header="Gracias por su confianza.",
        terms="Pago a 30 días desde la fecha de factura, por transferencia.",
        penalties="Intereses de demora: tres veces el tipo de interés legal francés.",
        early="Sin descuento por pronto pago.",
        compensation="Compensación fija por costes de cobro: 40 €.",
        footer="La mercancía es de nuestra propiedad hasta su pago completo.",
        thousands=".",
        decimal=",",
    ),
}
