"""A page of another site that has a visitor's browser send a form."""
from common import Server, pictures, row, status

picture = pictures()[0]
with Server() as s:
    for sender, headers, want in (
        ("another site's page", "Sec-Fetch-Site: cross-site\r\nOrigin: https://evil.example\r\n", 403),
        ("the same in an old browser", "Origin: https://evil.example\r\n", 403),
        ("a sandboxed page", "Origin: null\r\n", 403),
        ("the service's own page", "Sec-Fetch-Site: same-origin\r\nOrigin: http://x\r\n", 200),
        ("a program", "", 200),
    ):
        got = status(s.post(picture, headers=headers))
        row(f"sent by {sender}", got, want, got == want)
with Server("--trusted-origin", "https://good.example") as s:
    got = status(s.post(picture, headers="Sec-Fetch-Site: cross-site\r\nOrigin: https://good.example\r\n"))
    row("sent by a page of --trusted-origin", got, 200, got == 200)
