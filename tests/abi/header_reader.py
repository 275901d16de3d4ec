"""Reads abi/cordon.h: its constants, functions and table, in order. It understands this one header, not C."""

import re
from pathlib import Path


def _one_space(text):
    return re.sub(r"\s+", " ", text).strip()


def _parameters(text):
    text = _one_space(text)
    if text == "void":
        return []
    parameters = []
    for part in text.split(","):
        match = re.fullmatch(r"(.*?[\s*])(\w+)", part.strip())
        parameters.append({"name": match.group(2), "type": match.group(1).strip()})
    return parameters


def read_header(path):
    source = re.sub(r"/\*.*?\*/", "", Path(path).read_text(), flags=re.S)

    constants = [
        {"name": name, "value": int(value)}
        for name, value in re.findall(r"^#define (CORDON_\w+) \(?(-?\d+)\)?$", source, flags=re.M)
    ]
    functions = [
        {"name": name, "returns": _one_space(returns), "params": _parameters(params)}
        for returns, name, params in re.findall(r"CORDON_API\s+([^;(]*?)(cordon_\w+)\(([^)]*)\);", source)
    ]
    body = re.search(r"struct cordon_api_v1 \{(.*?)\n\};", source, flags=re.S).group(1)
    table = [
        {"name": name, "returns": _one_space(returns), "params": _parameters(params)}
        for returns, name, params in re.findall(r"([^;]*?)\(\*(\w+)\)\(([^)]*)\);", body)
    ]
    # The two numbers at the table's head come before the first function pointer.
    head = re.findall(r"uint32_t (\w+);", body)
    for entry in table[:1]:
        entry["returns"] = re.sub(r"^(uint32_t \w+; ?)+", "", entry["returns"])
    return {"constants": constants, "functions": functions, "table_head": head, "table": table}
