"""The smallest valid files, for tests that fetch thousands."""

import io

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from local.qonto_simulator.invoices import PDF, Attachment


def render_plain(attachment: Attachment) -> bytes:
    """Return a valid file that names its invoice and edition."""
    body = attachment.printed.body
    made = attachment.generated_at.isoformat()
    title = f"{attachment.printed.id} {body['status']} {body['due_date']} edition {attachment.edition} {made}"
    if attachment.content_type == PDF:
        return _pdf(title)
    content = io.BytesIO()
    picture = Image.new("L", (8, 8), 255)
    if attachment.content_type == "image/png":
        info = PngInfo()
        info.add_text("Title", title)
        picture.save(content, "PNG", pnginfo=info)
    elif attachment.content_type == "image/jpeg":
        picture.save(content, "JPEG", comment=title)
    else:
        picture.save(content, attachment.content_type.removeprefix("image/"))
    return content.getvalue()


def _pdf(title: str) -> bytes:
    text = f"BT /F1 9 Tf 40 780 Td ({title}) Tj ET"
    objects = (
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        f"<</Length {len(text)}>>\nstream\n{text}\nendstream",
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    )
    content, offsets = "%PDF-1.4\n", []
    for number, value in enumerate(objects, start=1):
        offsets.append(len(content))
        content += f"{number} 0 obj\n{value}\nendobj\n"
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    count = len(objects) + 1
    end = f"trailer\n<</Size {count}/Root 1 0 R>>\nstartxref\n{len(content)}\n%%EOF\n"
    return f"{content}xref\n0 {count}\n0000000000 65535 f \n{table}{end}".encode("ascii", "replace")
