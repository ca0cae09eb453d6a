#!/usr/bin/env python3
"""A client of a running node, in the words of the control protocol (see "control" in the crate documentation).

    control.py SOCKET members kitchen     lists the members of a group
    control.py SOCKET owner kitchen 17    says which node serves a key, or ends with status 3
    control.py SOCKET follow              prints every change of a peer, until it is interrupted
"""

import json
import socket
import sys


def ask(path, call, **fields):
    """Yields the values that the node answers: one, or for a watch one for each change."""
    with socket.socket(socket.AF_UNIX) as stream:
        stream.connect(path)
        stream.sendall(json.dumps({"version": 1, "call": call, **fields}).encode() + b"\n")
        for line in stream.makefile(encoding="utf-8"):
            answer = json.loads(line)
            if answer["reply"] == "refused":
                sys.exit(f"the node refuses: {answer['value']}")
            yield answer.get("value")


def main(path, command, *arguments):
    if command == "members":
        (members,) = ask(path, "members", group=arguments[0])
        print(*(member["name"] for member in members), sep="\n")
    elif command == "owner":
        (owners,) = ask(path, "route", group=arguments[0], key=int(arguments[1]))
        if not owners:
            sys.exit(3)
        print(owners[0]["name"], owners[0]["endpoint"])
    elif command == "follow":
        for change in ask(path, "watch"):
            # What a newer node tells besides is skipped.
            if change["event"] in ("watching", "peer"):
                print(change["at"], change["text"], flush=True)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(*sys.argv[1:])
