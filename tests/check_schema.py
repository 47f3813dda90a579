"""Checks models/model.schema.json against models, corpus and manual; see check_schema.sh."""

import json
import re
import subprocess
import sys
from pathlib import Path

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

# Messages of the reader about what no schema can know. A broken file with another message that the
# schema takes is an error of the schema.
BEYOND_A_SCHEMA = {
    "names": r"expected an earlier|^.*: the name '|unknown block|made of itself|is an input$"
             r"|expected a layer at the end|all are repeats of 0|all repeats are 0"
             r"|'inputs' is missing: the network has",
    "parameters": r"unknown parameter|has no parameter|needs it$|nothing uses|nothing in the",
    "limits of the expansion": r"after expansion|expanded names|inside each other",
    "shapes": r"does not fit|differ$|divisor of|more bytes|at most \d+ \(the batch|first and then"
              r"|needs a stride of 1|pieces from|positive integers, got 0|expected the weights",
    "counts": r"the layers have|counts do not fit",
    "text that is cut or rounded": r"half a character|not allowed in a string"
                                   r"|at least 2.3e-308|1\.0{20,}",
}


def no_repeated_keys(pairs):
    keys = [key for key, _ in pairs]
    if len(set(keys)) < len(keys):
        raise ValueError("a key is repeated")
    return dict(pairs)


def no_constant(name):
    raise ValueError(name + " is no number")


def read(text):
    return json.loads(text, object_pairs_hook=no_repeated_keys, parse_constant=no_constant)


def is_substituted(value, message):
    """Whether MESSAGE, "file:line: path: text", is about a "$parameter" in the file."""
    try:
        for step in re.findall(r"[^.\[\]]+", message.split(": ")[1]):
            value = value[int(step) if isinstance(value, list) else step]
    except (KeyError, IndexError, TypeError, ValueError):  # no path into the file
        return False
    return isinstance(value, str) and value.startswith("$")


class Check:
    def __init__(self, program, root):
        self.program, self.root = program, root
        self.failures = 0
        schema = read((root / "models/model.schema.json").read_text())
        Draft202012Validator.check_schema(schema)
        self.schema = schema
        self.validator = Draft202012Validator(schema)

    def fail(self, text):
        print("check_schema: " + text)
        self.failures += 1

    def why_not(self, value):
        """What is wrong with VALUE, or None."""
        error = best_match(self.validator.iter_errors(value))
        if error is None:
            return None
        return "/".join(str(step) for step in error.absolute_path) + ": " + error.message[:200]

    def valid(self, name, text):
        wrong = self.why_not(read(text))
        if wrong:
            self.fail(f"{name} is refused: {wrong}")

    def models(self):
        files = [f for f in sorted((self.root / "models").glob("*.json"))
                 if not f.name.endswith(".schema.json")]
        for file in files:
            self.valid(file.name, file.read_text())
        return len(files)

    def corpus(self):
        """Returns how many files were taken, refused, and beyond the schema by class."""
        taken = refused = 0
        beyond = dict.fromkeys([*BEYOND_A_SCHEMA, "values behind a parameter"], 0)
        for file in sorted((self.root / "tests/corpus/model").glob("*.json")):
            expect = file.with_suffix(".expect")
            if not expect.exists():
                self.valid(file.name, file.read_text())
                run = subprocess.run([self.program, "inspect", file, "--expand"],
                                     capture_output=True, text=True)
                self.valid(file.name + ", expanded,", run.stdout)
                taken += 1
                continue
            try:
                value = read(file.read_bytes().decode())
                wrong = self.why_not(value)
            except (ValueError, RecursionError) as error:
                wrong = str(error)
            if wrong:
                refused += 1
                continue
            message = expect.read_text().strip()
            known = [name for name, pattern in BEYOND_A_SCHEMA.items()
                     if re.search(pattern, message)]
            if is_substituted(value, message):
                known = ["values behind a parameter"]
            if known:
                beyond[known[0]] += 1
            else:
                self.fail(f"{file.name} is taken, but the reader says: {message}")
        return taken, refused, beyond

    def kinds(self):
        """Each kind's definition, by its name."""
        return {name[len("layer."):]: definition
                for name, definition in self.schema["$defs"].items() if name.startswith("layer.")}

    def why_not_layer(self, text):
        """What is wrong with the members TEXT of a layer that has a name and its inputs."""
        value = read("{" + text + "}")
        definition = self.kinds()[value["type"]]
        value.setdefault("name", "x")
        if "inputs" in definition["required"]:
            value.setdefault("inputs", ["y"] * definition["properties"]["inputs"]["minItems"])
        schema = {"$defs": self.schema["$defs"], "$ref": "#/$defs/item"}
        error = best_match(Draft202012Validator(schema).iter_errors(value))
        return error.message if error else None

    def manual(self):
        """Every kind and field stands in one row of models/README.md; its layers are valid."""
        text = (self.root / "models/README.md").read_text()
        rows = {}
        for line in text.splitlines():
            cells = line.split("|")
            if len(cells) == 5 and line.startswith("| `"):
                for kind in re.findall(r"`(\w+)`", cells[1]):
                    rows.setdefault(kind, []).append(set(re.findall(r"`(\w+)`", cells[2])))
        common = {"name", "type", "inputs", "trainable", "weight_from", "when"}
        for kind, definition in self.kinds().items():
            fields = set(definition["properties"]) - common
            if not any(fields == row - common for row in rows.get(kind, [])):
                self.fail(f"models/README.md: no row has kind {kind} with {sorted(fields)}")
        layers = re.findall(r"`(\"type\": [^`]*)`", text)
        for layer in layers:
            wrong = self.why_not_layer(layer)
            if wrong:
                self.fail(f"models/README.md: {layer}: {wrong}")
        return len(self.kinds()), len(layers)


def main():
    check = Check(sys.argv[1], Path(sys.argv[2]))
    print(f"{check.models()} models are valid")
    taken, refused, beyond = check.corpus()
    print(f"corpus: {taken} valid files taken, {refused} broken ones refused; beyond a schema: " +
          ", ".join(f"{count} {name}" for name, count in beyond.items()))
    rows, layers = check.manual()
    print(f"models/README.md: {rows} kinds, {layers} layers")
    if taken < 10 or refused < 100:
        check.fail("the corpus is not found")
    return check.failures > 0


sys.exit(main())
