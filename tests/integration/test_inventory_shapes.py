"""The shapes of answers in include/core/inventory.def are those of Apple's schema. `--write` makes the table anew."""
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
TABLE = ROOT / "include/core/inventory.def"

# Never kept: keys, tokens and codes.
SECRET = {("DeviceInformation", "PushToken"), ("SecurityInfo", "FDE_PersonalRecoveryKeyCMS"),
          ("ManagedApplicationList", "UnusedRedemptionCode")}


def kept():
    """The commands whose answers are inventory, by the rows of commands.def."""
    rows = re.split(r"^COMMAND\(", (ROOT / "include/core/commands.def").read_text(encoding="utf-8"), flags=re.M)[1:]
    return [row.split(",", 1)[0] for row in rows if re.search(r"\b(MERGE_ALL\b|(MERGE|LIST)\(\w+\))", row)]


def name_of(key, parent_type):
    if parent_type == "array":
        return "[]"
    # Names of "any" keys and of the categories of a cache are labels.
    return "*" if key["name"].startswith("ANY") or key["name"] == "Category Name" else key["name"]


def rows_of(command, keys, depth, parent_type):
    for key in keys:
        name, kind = name_of(key, parent_type), key["type"]
        if (command, name) in SECRET:
            yield depth, name, "SECRET"
            continue
        inner = key.get("keys", []) if kind in ("array", "dictionary") else []
        yield depth, name, kind.upper()
        yield from rows_of(command, inner, depth + 1, kind)


def derived():
    commands = {c["type"]: c for c in json.loads((ROOT / "docs/apple/catalogue.json").read_text(encoding="utf-8"))["commands"]}
    for command in kept():
        yield f"ANSWER({command})"
        for depth, name, kind in rows_of(command, commands[command]["response"], 1, "dictionary"):
            yield f'{"  " * depth}KEY({depth}, "{name}", {kind})'


HEAD = """/* The shapes of answers that are inventory: ANSWER(RequestType), then its keys in the order of the tree, each KEY(depth,
   "name", type). A name "*" stands for any, "[]" for the items of an array. SECRET is never kept. From Apple's published schema
   (docs/apple/catalogue.json), for the rows of commands.def whose answers are inventory; made by
   tests/integration/test_inventory_shapes.py --write. */
// clang-format off
"""
TAIL = "// clang-format on\n"


def text():
    return HEAD + "\n".join(derived()) + "\n" + TAIL


def test_shapes_are_those_of_the_catalogue():
    """Every key of every answer that is inventory, with its type."""
    have = TABLE.read_text(encoding="utf-8").splitlines()
    want = text().splitlines()
    missing, extra = [x for x in want if x not in have], [x for x in have if x not in want]
    assert have == want, f"differs from the catalogue: missing {missing[:5]}, extra {extra[:5]}; or the order"


if __name__ == "__main__":
    assert sys.argv[1:] == ["--write"], __doc__
    TABLE.write_text(text(), encoding="utf-8")
