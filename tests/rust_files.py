"""The product's Rust as text: its files without comments, texts and tests, and which file uses which.

Reads `use` declarations, `mod` declarations and paths in the code; expands no macro. Judges nothing.
"""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parent.parent
CRATES = ROOT / "crates"

_NOISE = re.compile(
    r"""
      //[^\n]*                      # a comment, documents too
    | /\*.*?\*/
    | b?r(?P<hashes>\#*)".*?"(?P=hashes)   # a raw text
    | b?"(?:[^"\\]|\\.)*"
    | '(?:[^'\\\n]|\\[^\n]{1,8}?)'  # a character, no lifetime
    """,
    re.VERBOSE | re.DOTALL,
)
_MODULE = re.compile(r"\bmod\s+(\w+)\s*;")
_PATH = re.compile(r"\b(?:crate|self|super)\s*::")


def crates():
    """Folders of crates, by name."""
    return sorted(path.parent for path in CRATES.glob("*/Cargo.toml"))


def product_files(crate):
    """What of a crate is built into the program: not its tests."""
    return sorted(path for path in (crate / "src").rglob("*.rs") if not is_test(path.relative_to(crate)))


def is_test(path):
    return "tests" in path.parts or path.name.startswith("tests")


def code(path):
    """A file's code without comments, texts and what is behind `#[cfg(test)]`."""
    return _without_tests(without_texts(path))


def without_texts(path):
    """A file's code without comments and texts, with its tests."""
    return _NOISE.sub(" ", path.read_text())


def _without_tests(text):
    kept, at = [], 0
    for match in re.finditer(r"#\[cfg\((?:all\()?test\b[^\]]*\]", text):
        if match.start() < at:
            continue
        kept.append(text[at : match.start()])
        at = _end_of_item(text, match.end())
    kept.append(text[at:])
    return "".join(kept)


def _end_of_item(text, at):
    """Behind the item that begins at `at`: its `;`, or the brace that closes it."""
    depth = 0
    for place in range(at, len(text)):
        character = text[place]
        if character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
            if depth == 0 and character == "}":
                return place + 1
        elif character == ";" and depth == 0:
            return place + 1
    return len(text)


class Modules:
    """The module tree of a crate and which file uses which, by paths that begin with crate, self or super."""

    def __init__(self, crate):
        self.crate = crate
        self.files = {}
        self._add((), crate / "src" / "lib.rs" if (crate / "src" / "lib.rs").exists() else crate / "src" / "main.rs")

    def _add(self, name, path):
        self.files[name] = path
        text = code(path)
        folder = path.parent if path.name in ("mod.rs", "lib.rs", "main.rs") else path.with_suffix("")
        for child in _MODULE.findall(text):
            for candidate in (folder / f"{child}.rs", folder / child / "mod.rs"):
                if candidate.exists():
                    self._add((*name, child), candidate)

    def uses(self):
        """For each file the files that it uses, itself not among them."""
        found = {}
        for name, path in self.files.items():
            targets = {self._file_of(name, target) for target in self._targets(code(path))}
            found[path] = {target for target in targets if target and target != path}
        return found

    def _targets(self, text):
        for match in _PATH.finditer(text):
            yield from _expand(text, match.start())

    def _file_of(self, name, path):
        """The file of the deepest module on a path as seen from the module `name`."""
        steps = list(path)
        if steps[0] == "crate":
            at, steps = (), steps[1:]
        else:
            at = name
            while steps and steps[0] in ("self", "super"):
                at = at[:-1] if steps.pop(0) == "super" else at
        for step in steps:
            if (*at, step) not in self.files:
                break
            at = (*at, step)
        return self.files.get(at)


def _expand(text, at):
    """The paths that begin there, as tuples: `a::{b, c::d}` is two."""
    word = re.compile(r"\s*(\w+|\*)\s*")
    path = []
    while match := word.match(text, at):
        path.append(match.group(1))
        at = match.end()
        if not text.startswith("::", at):
            break
        at += 2
        if text[at:].lstrip().startswith("{"):
            at = text.index("{", at) + 1
            yield from _group(text, at, path)
            return
    if path:
        yield tuple(path)


def _group(text, at, before):
    depth, begin = 1, at
    place = at
    while depth:
        character = text[place]
        if character == "{":
            depth += 1
        elif character == "}":
            depth -= 1
        if (character == "," and depth == 1) or depth == 0:
            part = text[begin:place]
            if part.strip():
                for rest in _expand(part, 0):
                    yield (*before, *rest)
            begin = place + 1
        place += 1


def circles(uses):
    """Files that use each other in a circle: the strongly connected components with more than one file (Tarjan)."""
    index, low, on_stack, stack, found = {}, {}, set(), [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        on_stack.add(node)
        for target in sorted(uses.get(node, ())):
            if target not in index:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in on_stack:
                low[node] = min(low[node], index[target])
        if low[node] == index[node]:
            component = set()
            while True:
                member = stack.pop()
                on_stack.discard(member)
                component.add(member)
                if member == node:
                    break
            if len(component) > 1:
                found.append(component)

    for node in sorted(uses):
        if node not in index:
            visit(node)
    return found
