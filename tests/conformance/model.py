"""The constraints of the AWS service models, and inputs that break each of them, one at a time."""

import copy
import json
import pathlib
import re

FIXTURE = pathlib.Path(__file__).parents[2] / "crates/vigie-kvs/tests/fixtures/service_models.json"
MODELS = json.loads(FIXTURE.read_text())
OPERATIONS = MODELS["operations"]
# The reference page says that uploads are hourly without it; the model alone requires it.
NOT_REQUIRED = {"EdgeConfig.UploaderConfig.ScheduleConfig"}

PLACE = "us-east-1:000000000000"
# Text by member: `{}` is where it can grow without breaking its pattern.
TEXT = {
    "StreamName": "nobody{}",
    "StreamARN": f"arn:aws:kinesisvideo:{PLACE}:stream/nobody{{}}/1700000000000",
    "HubDeviceArn": f"arn:aws:iot:{PLACE}:thing/hub{{}}",
    "MediaUriSecretArn": f"arn:aws:secretsmanager:{PLACE}:secret:camera{{}}-AbCdEf",
    "MediaType": "video/h264{}",
    "ScheduleExpression": "0 0 9 * * ? *{}",
    "Uri": "s3://bucket/prefix{}",
    "DestinationRegion": "us-east-1{}",
    "NextToken": "bm9ib2R5{}",
    "Fragments": "91343852333182036507421233921329142742245756{}",
    "FragmentNumber": "9134385233318203650742123392132914274224575639{}",
    "AfterFragmentNumber": "9134385233318203650742123392132914274224575639{}",
}


def text(name, shape):
    """A sound value of a string."""
    if "enum" in shape:
        # Of the playback modes the one that goes with a whole range.
        return "ON_DEMAND" if "ON_DEMAND" in shape["enum"] else shape["enum"][0]
    value = TEXT.get(name, "a{}").format("")
    return value.ljust(shape.get("min", 0), "1")


def breach(shape):
    """Text of a sound length that the pattern does not match."""
    for character in "!\n":
        value = character * max(shape.get("min", 1), 1)
        # What Python does not know of patterns is the classes of letters; neither candidate is one.
        if not re.fullmatch(re.sub(r"\\p\{\w+\}", "a", shape["pattern"]), value):
            return value
    raise AssertionError(f"nothing breaks {shape['pattern']}")


def sound(name, shape):
    """A value of the shape with every member present, except that a stream is named by its name alone."""
    match shape["type"]:
        case "string":
            return text(name, shape)
        case "integer" | "long":
            return shape.get("min", 1)
        case "boolean":
            return True
        case "timestamp":
            # A range ends after it begins.
            return 1_700_000_000.5 + (name == "EndTimestamp")
        case "blob":
            return "AAECAw=="
        case "list":
            return [sound(name, shape["element"])] * max(shape.get("min", 1), 1)
        case "map":
            return {text("Key", shape["key"]): sound("Value", shape["value"])}
        case "structure":
            members = {name: sound(name, member) for name, member in shape["members"].items()}
            if "StreamName" in members:
                members.pop("StreamARN", None)
            return members
    raise AssertionError(shape["type"])


WRONG_TYPES = {
    "string": [7, True, {}, []],
    "integer": ["7", 1.5, 2**40, True],
    "long": ["7", 1.5, True],
    "boolean": ["true", 1],
    "timestamp": ["soon", {}],
    "blob": [7, "not base64!"],
    "list": [{}, "a"],
    "map": [[], "a"],
    "structure": [[], "a", 7],
}


def wrong_values(name, shape):
    """(what is wrong, value, whether it is of the wrong type) for the constraints of one value itself."""
    for value in WRONG_TYPES[shape["type"]]:
        yield f"type-{json.dumps(value)}", value, True
    low, high = shape.get("min"), shape.get("max")
    match shape["type"]:
        case "string":
            if "enum" in shape:
                yield "enum", "NO_SUCH_VALUE", False
            if low:
                yield "min-1", text(name, shape)[: low - 1], False
            if high is not None and "enum" not in shape:
                template = TEXT.get(name, "a{}")
                yield "max+1", template.format("1" * (high + 1 - len(template) + 2)), False
            if "pattern" in shape:
                yield "pattern", breach(shape), False
        case "integer" | "long":
            if low is not None:
                yield "min-1", low - 1, False
            if high is not None:
                yield "max+1", high + 1, False
        case "list":
            if low:
                yield "min-1", [], False
            if high is not None:
                yield "max+1", [sound(name, shape["element"])] * (high + 1), False
        case "map":
            if low:
                yield "min-1", {}, False
            if high is not None and "enum" not in shape["key"]:
                value = sound("Value", shape["value"])
                yield "max+1", {f"key{number}": value for number in range(high + 1)}, False


def walk(name, shape, path):
    """(path, what is wrong, value or None where the member is missing, whether the type is wrong) for a whole input."""
    if path:
        for what, value, wrong_type in wrong_values(name, shape):
            yield path, what, value, wrong_type
    match shape["type"]:
        case "structure":
            for member, inner in shape["members"].items():
                inner_path = (*path, member)
                if inner.get("required") and ".".join(inner_path) not in NOT_REQUIRED:
                    yield inner_path, "missing", None, False
                yield from walk(member, inner, inner_path)
        case "list":
            yield from walk(name, shape["element"], (*path, 0))
        case "map":
            key, value = text("Key", shape["key"]), sound("Value", shape["value"])
            for what, wrong, wrong_type in wrong_values("Key", shape["key"]):
                if not wrong_type:
                    yield path, f"key-{what}", {wrong: value}, False
            yield from walk("Value", shape["value"], (*path, key))


def changed(body, path, value):
    """The body with the value at the path, or without the member where the value is None."""
    body = copy.deepcopy(body)
    if path[0] == "StreamARN":
        body.pop("StreamName", None)
    inner = body
    for step in path[:-1]:
        inner = inner[step]
    if value is None:
        inner.pop(path[-1], None)
    else:
        inner[path[-1]] = value
    return body


def violations():
    """(operation, member, what is wrong, body, whether the type is wrong) for every constraint of every operation."""
    for operation, model in OPERATIONS.items():
        body = sound("", model["input"])
        for path, what, value, wrong_type in walk("", model["input"], ()):
            member = str([step for step in path if isinstance(step, str)][-1])
            label = ".".join(map(str, path))
            yield operation, label, member, what, changed(body, path, value), wrong_type
