"""The console's words: the same keys in each language, none unused, none missing, none left in English, each set as its language is."""
import json
import re

from common import files, main, read

FORMS = {"en": {"one", "other"}, "fr": {"one", "other"}, "ja": {"other"}}  # of a plural, by language
LETTERS = re.compile(r"[A-Za-z]{2}")

# What other languages write as English does: texts, not keys, so that no sentence hides behind a key.
NAMES = ["API", "App", "Apple Account", "Apple TV", "Apple Watch", "CSV", "DNS", "FileVault", "IMEI", "JSON", "Mac", "PIN", "Remote Desktop", "SCEP", "UDID",
         "UUID", "Vision Pro", "Webhooks", "iPhone", "iPad",
         "iPhone, iPad, Vision Pro", "mdmcert.download"]
SAME = {"fr": NAMES + ["Active", "Apps", "Build", "Code", "Date", "Dates", "E-mail", "Navigation", "Note", "Options", "Plan", "Push", "Sessions", "Test", "Topic", "Topic (UID)", "Trace",
                       "Variables", "Verdict", "Version", "Version {n}", "Versions", "{n} installation", "{n} installations"],
        "ja": NAMES}


def catalogue(root, language):
    """(texts, problems) of one language's file."""
    path = root / f"web/src/i18n/{language}.json"
    problems = []

    def pairs(found):
        keys = [k for k, _ in found]
        problems.extend((path, 1, f"{k} stands twice") for k in sorted({k for k in keys if keys.count(k) > 1}))
        problems.extend((path, 1, f"{b} is not sorted") for a, b in zip(keys, keys[1:]) if b < a)
        return dict(found)
    return json.loads(read(path), object_pairs_hook=pairs), problems


def forms(text):
    return {"": text} if isinstance(text, str) else text


def filled(text):
    """What each form of a text has filled in."""
    return {name for form in forms(text).values() for name in re.findall(r"\{(\w+)\}", form)}


def compare(path, language, english, texts):
    for key in sorted(english.keys() ^ texts.keys()):
        yield path, 1, f"{key} is missing" if key in english else f"{key} is not in en.json"
    for key in sorted(english.keys() & texts.keys()):
        text = texts[key]
        if isinstance(text, str) != isinstance(english[key], str):
            yield path, 1, f"{key} has plural forms in one language only"
        elif not isinstance(text, str) and set(text) != FORMS[language]:
            yield path, 1, f"{key} needs the forms {', '.join(sorted(FORMS[language]))}"
        if filled(text) != filled(english[key]):
            yield path, 1, f"{key} has other things filled in than in English"
        for name, form in forms(text).items():
            if not form.strip():
                yield path, 1, f"{key} is empty"
            elif language != "en" and LETTERS.search(re.sub(r"\{\w+\}", "", form)) and form not in SAME[language] and form == forms(english[key]).get(name):
                yield path, 1, f"{key} is left in English"


JAPANESE = r"[\u3001\u3002\u300c\u300d\u3040-\u30ff\u4e00-\u9fff\uff08-\uff1f]"
# How each language is set: (what must not stand, why). U+00A0 before a colon and inside of guillemets, U+202F before ; ? and !.
TYPOGRAPHY = {
    "en": [(r"'", "has a straight apostrophe")],
    "fr": [(r"'", "has a straight apostrophe"), (r"[^\u00a0]:(?:\s|$)", "needs a no-break space before the colon"),
           (r"[^\u202f][;?!](?:\s|$)", "needs a narrow no-break space before ; ? or !"), (r"«[^\u00a0]|[^\u00a0]»", "needs no-break spaces inside of guillemets")],
    "ja": [(JAPANESE + r" [\w{]|[A-Za-z0-9}] " + JAPANESE, "has a blank beside Japanese"), (JAPANESE + r"[,.:;?!](?!\w)", "has half-width punctuation after Japanese")],
}


def typography(path, language, texts):
    for key, text in texts.items():
        for form in forms(text).values():
            yield from ((path, 1, f"{key} {why}") for wrong, why in TYPOGRAPHY[language] if re.search(wrong, form))


# t(`a.${x}`) and word('a', x) can be any key of that shape; every other key stands in the code as it is.
TEMPLATE = re.compile(r"`([\w.-]*\$\{[^`]*)`")
WORD = re.compile(r"\bword\(\s*'([\w.-]+)'")
QUOTED = re.compile(r"['\"]([\w.-]+)['\"]")


def uses(root):
    """(keys that stand in the code, shapes of keys that are put together there)."""
    keys, shapes = set(), []
    for path in files(root, ["web/src"], {".ts", ".tsx"}):
        text = read(path)
        keys.update(QUOTED.findall(text))
        shapes += [re.escape(prefix) + r"\.[\w.-]+" for prefix in WORD.findall(text)]
        for template in TEMPLATE.findall(text):
            fixed = [re.escape(part) for part in re.split(r"\$\{[^}]*\}", template)]
            if fixed[0]:
                shapes.append(r"[\w.-]+".join(fixed))
    return keys, shapes


def check(root):
    english, problems = catalogue(root, "en")
    for language in FORMS:
        texts, own = catalogue(root, language)
        problems += [*own, *compare(root / f"web/src/i18n/{language}.json", language, english, texts),
                     *typography(root / f"web/src/i18n/{language}.json", language, texts)]
    problems += unfilled(root, english)
    keys, shapes = uses(root)
    built = re.compile("|".join(shapes) or r"(?!)")
    problems += [(root / "web/src/i18n/en.json", 1, f"{key} is used nowhere") for key in english if key not in keys and not built.fullmatch(key)]
    for shape in shapes:
        if not any(re.fullmatch(shape, key) for key in english) and re.match(r"(?:[a-z]|\\-)+\\\.", shape):
            problems.append((root / "web/src/i18n/en.json", 1, f"there is no key like {shape}"))
    return problems


FILLING = re.compile(r"\bt\('([\w.-]+)'(?:, \{([^{}]*)\})?\)")


def unfilled(root, english):
    """Texts that are asked for without what they have filled in, or with what they have not."""
    for path in files(root, ["web/src"], {".ts", ".tsx"}):
        for n, line in enumerate(read(path).splitlines(), 1):
            for key, filling in FILLING.findall(line):
                wanted = filled(english.get(key, ""))
                if wanted and not filling:
                    yield path, n, f"{key} has something filled in, which is not given here"
                given = set(re.findall(r"(?:^|, )\s*(\w+)(?=\s*(?:[:,]|$))", filling))
                for name in sorted(given - wanted - ({"n"} if isinstance(english.get(key), dict) else set())) if key in english else ():
                    yield path, n, f"{key} has no place for {name}"


CODE = "t('a.one'); word('b', x); t(`c.${x}`); t('go', {n});\n"


def tree(**languages):
    texts = {"a.one": "Word", "b.x": "Mac", "c.y": "At {n}", "go": {"one": "{n} day", "other": "{n} days"}}
    other = {"fr": {"a.one": "Mot", "c.y": "À {n}", "go": {"one": "{n} jour", "other": "{n} jours"}},
             "ja": {"a.one": "語", "c.y": "{n}に", "go": {"other": "{n}日"}}}
    made = {"web/src/a.tsx": CODE}
    for language in FORMS:
        whole = {**texts, **other.get(language, {}), **languages.get(language, {})}
        made[f"web/src/i18n/{language}.json"] = json.dumps({k: v for k, v in whole.items() if v is not None}, ensure_ascii=False)
    return made


GOOD = tree()
BAD = [(tree(fr={"a.one": None}), "a.one is missing"), (tree(ja={"z": "語"}), "z is not in en.json"), (tree(fr={"a.one": "Word"}), "left in English"),
       (tree(ja={"c.y": "に"}), "other things filled in"), (tree(fr={"go": "{n} jours"}), "plural forms in one"), (tree(fr={"a.one": " "}), "a.one is empty"),
       (tree(ja={"go": {"one": "{n}日", "other": "{n}日"}}), "needs the forms other"), (tree(en={"d": "W"}, fr={"d": "M"}, ja={"d": "語"}), "d is used nowhere"),
       ({"web/src/a.tsx": CODE + "word('zz', x);"}, "there is no key like zz"), ({"web/src/a.tsx": CODE + "t(`yy.${x}`);"}, "there is no key like yy"),
       ({"web/src/a.tsx": CODE + "t('c.y')"}, "c.y has something filled in"), ({"web/src/a.tsx": CODE + "t('a.one', { n: f(a, b) })"}, "a.one has no place for n"), (tree(fr={"b.x": None, "a.one": None, "b.y": "M", "a.b": "M"}), "b.y is not in en.json"),
       (tree(fr={"a.one": "Mot : deux"}), "space before the colon"), (tree(fr={"a.one": "Mot ?"}), "space before ; ? or !"), (tree(fr={"a.one": "L'un"}), "apostrophe"),
       (tree(ja={"a.one": "語 A"}), "a blank beside"), (tree(ja={"a.one": "語?"}), "half-width"), ({"web/src/a.tsx": CODE + "word('a-z', x);"}, "there is no key like"),
       ({"web/src/i18n/fr.json": '{"c.y": "À {n}", "a.one": "Mot"}'}, "a.one is not sorted"), ({"web/src/i18n/fr.json": '{"a": "M", "a": "N"}'}, "a stands twice")]

if __name__ == "__main__":
    main(check, GOOD, BAD)
