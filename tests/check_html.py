#!/usr/bin/env python3
"""Opens HTML reports in headless Chromium and looks at them as their readers do.

    tests/check_html.py PROGRAM

Of every report: no request leaves the page, nothing is complained of on the console, every figure is that
of the JSON of the same command, nothing is wider than a phone, no two texts of a chart lie over each
other, and a table is sorted from the keyboard. No two measurements are alike: the figures of theirs are
those of the record, the forecasts those of the same command without measuring, and the rest follows from
them. Exit status 77 where there is no Chromium.
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
# Points of the line of power, as they are said and where they are drawn, and the end of each gridline.
POWER = """(() => { const line = document.querySelector('svg polyline');
  if (!line) return null;
  const said = line.dataset.value.trim().split(' ').map(p => p.split(':').map(Number));
  const axis = [...line.ownerSVGElement.querySelectorAll('text')].filter(t => t.getAttribute('text-anchor') === 'end')
    .map(t => [Number(t.textContent), Number(t.getAttribute('y')) - 4]);
  return {said, drawn: [...line.points].map(p => [p.x, p.y]), axis}; })()"""
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


def check_report(browser, report, complain):
    check_figures(browser, report, complain)
    check_stacks(browser, report, complain)


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


def close_to(value, expected, share):
    return abs(float(value) - expected) <= share * abs(expected)


def cells_of(browser, name):
    """Rows of the table NAME as {column: value}."""
    for key, rows, _ in browser.evaluate(TABLES):
        if key == name:
            return [{column: float(value) for column, value in row} for row in rows]
    return []


WATTS = 500  # of the recorded plug


def check_power(browser, time_s, complain):
    """Every point has the plug's watts, in order, and stands where the axis has them."""
    power = browser.evaluate(POWER)
    if power is None or len(power["said"]) < 2 or 2 * len(power["said"]) != len(power["drawn"]):
        complain(f"power: {power}")
        return
    times = [point[0] for point in power["said"]]
    if times != sorted(times) or not 0 < times[0] or times[-1] > time_s:
        complain(f"power: points at {times} of {time_s} s")
    height = dict(power["axis"]).get(WATTS)
    for _, watts in power["said"]:
        if not close_to(watts, WATTS, 0.01):
            complain(f"power: {watts} W")
    for _, y in power["drawn"]:
        if height is None or abs(y - height) > 3:
            complain(f"power: drawn at {y}, where {WATTS} W are at {height}")


def check_measure(browser, folder, complain):
    """The whole and each epoch as the record has them, which is the recorded plug's watts."""
    with open(folder + "/runs.jsonl", encoding="utf-8") as file:
        run = json.loads(file.readline())
    figures = dict(browser.evaluate(FIGURES))
    epochs = cells_of(browser, "epochs")
    for key in ("energy_j", "time_s"):
        if float(figures[key]) != run[key]:
            complain(f"{key}: {figures[key]} in HTML, {run[key]} in the record")
    if len(epochs) != len(run["epochs"]) or len(epochs) < 3:
        complain(f"{len(epochs)} epochs in HTML, {len(run['epochs'])} in the record")
    for index, (row, epoch) in enumerate(zip(epochs, run["epochs"])):
        if row["energy_j"] != epoch["energy_j"] or row["time_s"] != epoch["time_s"]:
            complain(f"epoch {index + 1}: {row} in HTML, {epoch} in the record")
        if not close_to(row["energy_j"], WATTS * row["time_s"], 0.01):
            complain(f"epoch {index + 1}: {row}, not of {WATTS} W")
    if not close_to(figures["energy_j"], WATTS * run["time_s"], 0.01):
        complain(f"{figures['energy_j']} J, not of {WATTS} W")
    if not close_to(figures["co2e_g"], run["energy_j"] / 3.6e6 * 400, 1e-9):
        complain(f"{figures['co2e_g']} g CO2e of {run['energy_j']} J at 400 g/kWh")
    check_power(browser, run["time_s"], complain)


def check_of(kind, unit, rows, figures, complain):
    """Errors of KIND follow from what is forecast and measured, and the figures from the errors."""
    errors = [row[f"{kind}_forecast_{unit}"] / row[f"{kind}_{unit}"] - 1 for row in rows]
    for row, error in zip(rows, errors):
        if abs(row[kind + "_error"] - error) > 1e-9:
            complain(f"error of {kind}: {row[kind + '_error']} in HTML, {error} by its row")
    expected = {"mape": sum(map(abs, errors)) / len(errors), "bias": sum(errors) / len(errors)}
    for name, value in expected.items():
        if not abs(float(figures[f"{kind}_error.{name}"]) - value) < 1e-9:
            complain(f"{name} of {kind}: {figures[f'{kind}_error.{name}']} in HTML, {value} by its rows")


def check_checked(browser, report, complain):
    """The forecasts of REPORT, beside what was measured."""
    figures = dict(browser.evaluate(FIGURES))
    rows = cells_of(browser, "configurations")
    if len(rows) != len(report["configurations"]) or len(rows) < 3:
        complain(f"{len(rows)} rows in HTML, {len(report['configurations'])} in JSON")
    for row, forecast in zip(rows, report["configurations"]):
        for key in ("time_forecast_s", "energy_forecast_j"):
            if row[key] != forecast[key]:
                complain(f"{forecast['configuration']}: {key} {row[key]} in HTML, {forecast[key]} in JSON")
    check_of("time", "s", rows, figures, complain)
    check_of("energy", "j", rows, figures, complain)


def look_at_measured(browser, program, folder, failures):
    """Pages of real measurements: of a command on a recorded plug, and of three trainings."""
    with open(folder + "/plug.jsonl", "w", encoding="utf-8") as file:
        file.write('{"schema":"joulecast.trace/1","power_source":"measured","counters":'
                   '[{"name":"plug","domain":"wall","unit_j":1e-6}]}\n{"time_s":0,"counts":[0]}\n'
                   f'{{"time_s":1000,"counts":[{WATTS * 1000 * 1000000}]}}\n')
    measure = ["measure", "-q", "--meter-trace", folder + "/plug.jsonl", "--grid", "400", "-b", "1", "-r",
               folder + "/runs.jsonl", "-o", folder + "/measure.html", "--format", "html", "--", "sh",
               "-c", "for e in 1 2 3; do sleep 0.7; echo joulecast-epoch $e/6; done"]
    subprocess.run([program] + measure, check=False, timeout=TIMEOUT_S, stdout=subprocess.DEVNULL)
    look(browser, folder + "/measure.html", failures,
         lambda complain: check_measure(browser, folder, complain))
    check = ["calibrate", "check", "--force", "-t", "1", "-p", SOURCE + "/tests/cli/profile.json", "-m",
             "lenet5_28:2", "-m", "lenet5_28:4", "-m", "mlp_784_128_10:8"]
    forecast = json.loads(ask(program, check + ["--predict-only"], "json"))
    page = ask(program, check + ["-q", "--steps", "3", "--min-seconds", "0", "--tdp-w", "20", "--idle-w",
                                 "2"], "html")
    with open(folder + "/check-measured.html", "w", encoding="utf-8") as file:
        file.write(page)
    look(browser, folder + "/check-measured.html", failures,
         lambda complain: check_checked(browser, forecast, complain))


def ask(program, command, form):
    return subprocess.run([program] + command + ["--format", form], stdout=subprocess.PIPE, check=False,
                          timeout=TIMEOUT_S).stdout.decode()


def look(browser, path, failures, check):
    """All of a page; CHECK looks at its figures."""
    def complain(text):
        failures.append(os.path.basename(path) + ": " + text)

    browser.open(path)
    check(complain)
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
                report = json.loads(ask(program, command, "json"))
                look(browser, f"{folder}/{name}.html", failures,
                     lambda complain, report=report: check_report(browser, report, complain))
            look_at_measured(browser, program, folder, failures)
        finally:
            browser.close()
    print("\n".join(failures) or "all reports are as they should be")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
