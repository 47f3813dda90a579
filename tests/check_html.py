#!/usr/bin/env python3
"""Opens HTML reports in headless Chromium and looks at them as their readers do.

    tests/check_html.py PROGRAM

Of every report: no request leaves the page, nothing is complained of on the console, every figure is that
of the JSON of the same command, nothing is wider than a phone, no two texts of a chart lie over each
other, and a table is sorted from the keyboard. Exit status 77 where there is no Chromium.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PHONE = 360  # CSS pixels
TIMEOUT_S = 60

FIGURES = """[...document.querySelectorAll('dl [data-key]')].map(e => [e.dataset.key, e.dataset.value])"""
TABLES = """[...document.querySelectorAll('table[data-key]')].map(t => [t.dataset.key,
  [...t.tBodies[0].rows].map(r => [...r.cells].filter(c => c.dataset.value !== undefined)
    .map(c => [c.dataset.key, c.dataset.value])),
  [...t.tBodies[0].rows].map(r => r.cells[0].textContent)])"""
STACKS = """[...document.querySelectorAll('svg rect[data-row]')]
  .map(r => [r.dataset.row, r.dataset.key, r.dataset.value, r.width.baseVal.value])"""
OVERLAPS = """(() => { const found = [];
  for (const svg of document.querySelectorAll('svg')) {
    const texts = [...svg.querySelectorAll('text')], boxes = texts.map(t => t.getBoundingClientRect());
    for (let i = 0; i < texts.length; i++) for (let k = 0; k < i; k++) {
      const a = boxes[i], b = boxes[k];
      if (a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 2 && b.top < a.bottom - 2)
        found.push(texts[i].textContent + ' / ' + texts[k].textContent);
    } }
  return found; })()"""


class Browser:
    """Chromium, spoken to over its debugging pipe: messages are JSON ended by a NUL."""

    def __init__(self, program, folder):
        to_browser, self.out = os.pipe()
        self.into, from_browser = os.pipe()

        def connect():  # where Chromium looks for the pipe
            spare = [os.dup(to_browser), os.dup(from_browser)]
            os.dup2(spare[0], 3)
            os.dup2(spare[1], 4)

        self.process = subprocess.Popen(
            [program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
             "--user-data-dir=" + folder, "--remote-debugging-pipe", "--no-first-run",
             "--host-resolver-rules=MAP * ~NOTFOUND"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, close_fds=False, preexec_fn=connect)
        os.close(to_browser)
        os.close(from_browser)
        self.buffer, self.number, self.events, self.session = b"", 0, [], None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.call(domain + ".enable")

    def receive(self):
        while b"\0" not in self.buffer:
            part = os.read(self.into, 1 << 16)
            if not part:
                raise RuntimeError("Chromium has ended")
            self.buffer += part
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive()
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(method + ": " + answer["error"]["message"])
                return answer["result"]
            self.events.append(answer)

    def open(self, path):
        self.events = []
        self.call("Emulation.setDeviceMetricsOverride", width=PHONE, height=800, deviceScaleFactor=1,
                  mobile=False)
        self.call("Page.navigate", url="file://" + path)
        while not any(e.get("method") == "Page.loadEventFired" for e in self.events):
            self.events.append(self.receive())

    def evaluate(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in result:
            raise RuntimeError(json.dumps(result["exceptionDetails"])[:400])
        return result["result"].get("value")

    def press(self, key, code):
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key,
                      windowsVirtualKeyCode=code, text="\r" if kind == "keyDown" and code == 13 else "")

    def close(self):
        self.process.kill()
        self.process.wait()


def look_up(report, path):
    for part in path.split("."):
        report = report[part] if report is not None else None
    return report


def of_row(row, key):
    """A row's member by its column's key; those of a comparison hold more than the table shows."""
    inner = {"error": "mape", "cost": "value"}
    if key == "error_networks":
        return row["error"]["n"]
    value = row[key]
    return value[inner[key]] if isinstance(value, dict) else value


def check_figures(browser, report, complain):
    """An epoch's number is its place in the JSON array."""
    checked = 0
    for key, value in browser.evaluate(FIGURES):
        expected = look_up(report, key)
        checked += 1
        if expected is None or float(value) != float(expected):
            complain(f"{key}: {value} in HTML, {expected} in JSON")
    for name, rows, firsts in browser.evaluate(TABLES):
        by_name = {r.get("name", r.get("configuration")): r for r in report[name]}
        if len(rows) > len(report[name]):
            complain(f"{name}: {len(rows)} rows in HTML, {len(report[name])} in JSON")
        for index, cells in enumerate(rows):
            row = by_name.get(firsts[index]) or report[name][index]
            for key, value in cells:
                checked += 1
                if key == "epoch":
                    continue
                if float(value) != float(of_row(row, key)):
                    complain(f"{name}[{index}].{key}: {value} in HTML, {of_row(row, key)} in JSON")
    if checked < 3:
        complain(f"only {checked} figures found")


def check_stacks(browser, report, complain):
    """Joules by kind and phase: the values and the widths of the bars' parts, 400 for the largest bar."""
    kinds = {row["name"]: row for row in report.get("kinds") or []}
    largest = max((row["energy_j"] for row in kinds.values()), default=0)
    found = browser.evaluate(STACKS)
    if len(found) != 4 * len(kinds):
        complain(f"{len(found)} parts of bars, of {len(kinds)} kinds")
    for name, part, value, width in found:
        expected = kinds[name][part + "_energy_j"]
        if float(value) != expected or abs(width - 400 * expected / largest) > 0.01:
            complain(f"bar {name}, {part}: {value}, {width} wide in HTML, {expected} in JSON")


def check_events(browser, path, complain):
    for event in browser.events:
        parameters = event.get("params", {})
        if event.get("method") == "Network.requestWillBeSent":
            url = parameters["request"]["url"]
            if url != "file://" + path:
                complain("asks for " + url)
        if event.get("method") == "Log.entryAdded":
            complain("console: " + parameters["entry"]["text"])
        if event.get("method") in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled"):
            complain("console: " + json.dumps(parameters)[:300])


def check_layout(browser, complain):
    width = browser.evaluate("document.documentElement.scrollWidth")
    if width > PHONE:
        complain(f"{width} px wide on a phone of {PHONE}")
    for overlap in browser.evaluate(OVERLAPS):
        complain("texts overlap: " + overlap)


def check_sorting(browser, complain):
    """The last column of numbers of the longest table, by Tab and Enter; absent values come last."""
    found = browser.evaluate("""(() => { window.longest = [...document.querySelectorAll('table')]
      .filter(t => t.querySelector('th.n')).sort((a, b) => b.rows.length - a.rows.length)[0];
      if (!longest) return false;
      window.head = [...longest.querySelectorAll('th.n')].at(-1);
      head.previousElementSibling.querySelector('button').focus(); return true; })()""")
    if not found:
        return
    browser.press("Tab", 9)
    for wanted in ("ascending", "descending"):
        browser.press("Enter", 13)
        if browser.evaluate("head.getAttribute('aria-sort')") != wanted:
            complain(f"Enter does not sort {wanted}")
        values = browser.evaluate("[...longest.tBodies[0].rows].map(r => r.cells[head.cellIndex]"
                                  ".dataset.value ?? null)")
        numbers = [float(v) for v in values if v is not None]
        if numbers != sorted(numbers, reverse=wanted == "descending") or None in values[:len(numbers)]:
            complain(f"not {wanted}: {values[:8]}")


def commands(folder):
    profile = SOURCE + "/tests/cli/profile.json"
    odd = folder + "/odd.json"
    with open(SOURCE + "/models/lenet5_28.json", encoding="utf-8") as file:
        model = json.load(file)
    model["name"] = "<script>alert('x')</script>\"&"
    with open(odd, "w", encoding="utf-8") as file:
        json.dump(model, file)
    machine = ["-t", "6", "--force", "--hardware", "core-i5-8500", "--memory-gb", "16"]
    runs = SOURCE + "/tests/fixtures/runs/two_parts.jsonl"
    return {
        "estimate": ["estimate", "resnet50", "--method", "roofline", "--hardware", "t4", "--samples",
                     "1281167", "--epochs", "90", "--price", "0.30 EUR"],
        "estimate-hours": ["estimate", "resnet50", "--method", "mlco2", "--hours", "40", "--hardware",
                           "t4"],
        "estimate-odd": ["estimate", odd, "--method", "roofline", "--hardware", "t4"],
        "compare": ["compare", "mlp_784_128_10", "-p", profile] + machine,
        "compare-machines": ["compare", "resnet18", "resnet50", "--hardware", "t4,a100-sxm4-40gb",
                             "--price", "0.30 EUR"],
        "evaluate": ["evaluate", runs, "--folds", "3"],
        "evaluate-layers": ["evaluate", SOURCE + "/tests/fixtures/runs/shipped_models.jsonl", "--folds", "3",
                            "-p", SOURCE + "/tests/cli/profile_layerwise.json", "--hardware",
                            "core-i5-8500"],
        "check": ["calibrate", "check", "--predict-only", "-p", profile, "-t", "2", "--force", "-m",
                  "lenet5_28:16", "-m", "mlp_784_128_10:8"],
    }


def measured(folder):
    """Two runs of these are not alike, so that only the page is looked at, not its figures."""
    watts = ["--tdp-w", "20", "--idle-w", "2"]
    train = "for e in 1 2 3; do sleep 0.7; echo joulecast-epoch $e/6; done"
    return {
        "measure": ["measure", "-q", "--meter", "model"] + watts + ["-o", folder + "/measure.html"],
        "check-measured": ["calibrate", "check", "-q", "--force", "-t", "1", "--steps", "3",
                           "--min-seconds", "0", "-p", SOURCE + "/tests/cli/profile.json", "-m",
                           "lenet5_28:2", "-m", "lenet5_28:4", "-m", "mlp_784_128_10:8", "-o",
                           folder + "/check-measured.html"] + watts,
    }, {"measure": ["--", "sh", "-c", train]}


def ask(program, command, form):
    return subprocess.run([program] + command + ["--format", form], stdout=subprocess.PIPE, check=False,
                          timeout=TIMEOUT_S).stdout.decode()


def look(browser, path, report, failures):
    """All of a page; REPORT is None where there is no JSON of the same figures."""
    def complain(text):
        failures.append(os.path.basename(path) + ": " + text)

    browser.open(path)
    if report is not None:
        check_figures(browser, report, complain)
        check_stacks(browser, report, complain)
    if not browser.evaluate("document.querySelectorAll('h1').length"):
        complain("no heading")
    check_layout(browser, complain)
    check_sorting(browser, complain)
    check_events(browser, path, complain)


def main():
    program = os.path.abspath(sys.argv[1])
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or \
        shutil.which("google-chrome")
    if chromium is None:
        print("skipped: no chromium")
        return 77
    os.environ.update(JOULECAST_DATA=SOURCE + "/data", JOULECAST_MODELS=SOURCE + "/models")
    failures = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        browser = Browser(chromium, folder + "/chromium")
        try:
            for name, command in commands(folder).items():
                with open(f"{folder}/{name}.html", "w", encoding="utf-8") as file:
                    file.write(ask(program, command, "html"))
                look(browser, f"{folder}/{name}.html", json.loads(ask(program, command, "json")), failures)
            pages, words = measured(folder)
            for name, command in pages.items():
                subprocess.run([program] + command + ["--format", "html"] + words.get(name, []),
                               check=False, timeout=TIMEOUT_S, stdout=subprocess.DEVNULL)
                look(browser, f"{folder}/{name}.html", None, failures)
        finally:
            browser.close()
    print("\n".join(failures) or "all reports are as they should be")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
