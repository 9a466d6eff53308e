"""A page in a headless Chromium: what it says to its console, and what it shows."""

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

# Put at the beginning of the page: remembers every error, also of what is loaded later.
_COLLECT = """<script>
var browserErrors = [];
window.addEventListener("error", event => browserErrors.push(String(event.message || event.target.src)), true);
window.addEventListener("unhandledrejection", event => browserErrors.push(String(event.reason)));
console.error = (...parts) => browserErrors.push(parts.map(String).join(" "));
</script>"""
# Put at its end: runs `steps` (JavaScript, may await), then writes down what happened where it can be read.
_REPORT = """<script>
window.addEventListener("load", async () => {
  const pause = () => new Promise(done => setTimeout(done, 30));
  const seen = [];
  try { %s } catch (error) { browserErrors.push(String(error)); }
  await pause();
  const note = document.createElement("pre");
  note.id = "browser-note";
  note.textContent = JSON.stringify({errors: browserErrors, seen});
  document.body.append(note);
});
</script>"""


def visit(page: Path, scratch: Path, steps: str = "") -> tuple[list[str], list]:
    """Open a copy of `page`, run `steps` in it, which may push to `seen`; return all errors, and what was seen.

    Errors are those of the page, and what Chromium itself reports of any frame: uncaught ones and forbidden scripts.
    """
    text = page.read_text(encoding="utf-8")
    copy = scratch / f"visited-{page.name}"
    text = re.sub(r"<head[^>]*>", lambda match: match[0] + _COLLECT, text, count=1)
    head, body, tail = text.rpartition("</body>")
    copy.write_text(head + _REPORT % steps + body + tail, encoding="utf-8")
    result = subprocess.run(
        [
            CHROMIUM,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--enable-logging=stderr",
            f"--user-data-dir={scratch / 'profile'}",
            "--virtual-time-budget=120000",
            "--dump-dom",
            copy.as_uri(),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=180,
    )
    note = re.search(r'<pre id="browser-note">(.*?)</pre>', result.stdout, flags=re.DOTALL)
    assert note, f"the page did not load to its end: {result.stdout[-500:]} {result.stderr[-2000:]}"
    said = json.loads(unescape(note[1]))
    console = [line for line in result.stderr.splitlines() if "CONSOLE" in line]
    reported = [
        line for line in console if re.search(r"Uncaught|Refused to|violates the following|Failed to load", line)
    ]
    return said["errors"] + reported, said["seen"]
