"""Many scripted cameras in one process: those that do everything right, and those that misbehave by turns.

    camera_crowd.py MEDIA_FOLDER LOG --ports FILE --seed N --turn-seconds S [--healthy NAME...] [--misbehaving NAME...]

A healthy camera plays numbered pictures: each carries its camera's name and its number in an SEI, and numbers are given by
the camera's own clock, whether anybody watches or not. SIGUSR1 makes all of them stop; LOG then says how many pictures each
has had. A misbehaving one is something else each turn, by chance of the seed; connections end with their turn.
"""

import argparse
import asyncio
import inspect
import json
import math
import pathlib
import random
import signal
import time

import camera_behaviours
import camera_misbehaviours
import scripted_camera
from scripted_camera import Camera, Connection

# Any 16 bytes say whose SEI it is (H.264 D.2.7); without zeros no start code can come of it.
SEI_OWNER = b"vigie-test-crowd"
USER_DATA_UNREGISTERED = 5


def numbered(name, number):
    """The SEI NAL unit that names a picture."""
    said = SEI_OWNER + f"{name}:{number}".encode()
    return bytes([6, USER_DATA_UNREGISTERED, len(said)]) + said + b"\x80"


class Numbered(Camera):
    """Plays the same small pictures again and again, and no two are the same."""

    def __init__(self, folder, log, name):
        super().__init__(folder, log)
        self.name, self.began_at, self.next_number, self.has_stopped = name, None, 0, False

    def picture(self, number):
        place = number % len(self.pictures)
        nals = self.pictures[place]
        first_slice = next(at for at, nal in enumerate(nals) if 1 <= nal[0] & 31 <= 5)
        self.pictures[place] = [*nals[:first_slice], numbered(self.name, number), *nals[first_slice:]]
        packets = super().picture(number)
        self.pictures[place] = nals
        return packets

    def stop(self):
        self.has_stopped = True
        self.log(event="stopped", name=self.name, pictures=self.next_number, connections=self.connections)


class NumberedConnection(Connection):
    async def play(self):
        camera = self.camera
        if camera.began_at is None:
            camera.began_at = time.monotonic()
        # What nobody watched is gone.
        number = math.ceil((time.monotonic() - camera.began_at) * camera.pictures_a_second - 1e-3)
        number = max(number, camera.next_number)
        while not self.writer.is_closing():
            at = camera.began_at + number / camera.pictures_a_second
            await asyncio.sleep(max(0, at - time.monotonic()))
            if camera.has_stopped:
                return
            camera.next_number = number + 1
            self.send_picture(number)
            number += 1
            await self.writer.drain()


class ByTurns:
    """An address at which something else stands each turn."""

    def __init__(self, folder, log, name, kinds, turns):
        self.folder, self.log, self.name, self.kinds, self.turns = folder, log, name, kinds, turns
        self.port, self.writers, self.camera = None, set(), None
        self.turn()

    def turn(self):
        for writer in self.writers:
            writer.transport.abort()
        kind = self.turns.choice(self.kinds)
        self.camera = kind(self.folder, self.log)
        self.camera.port = self.port
        self.log.write(json.dumps({"at": time.time(), "event": "turn", "name": self.name, "behaviour": kind.__name__}) + "\n")
        self.log.flush()

    async def accept(self, reader, writer):
        self.writers.add(writer)
        try:
            if isinstance(self.camera, camera_misbehaviours.Misbehaviour):
                await self.camera.serve(reader, writer)
            else:
                await Connection(self.camera, reader, writer).run()
        finally:
            self.writers.discard(writer)


def kinds():
    """Everything that a camera may be for a turn."""
    found = set()
    for module in (camera_behaviours, camera_misbehaviours):
        for _, kind in inspect.getmembers(module, inspect.isclass):
            if kind not in (Camera, camera_misbehaviours.Misbehaviour) and kind.__module__ == module.__name__:
                found.add(kind)
    return sorted(found, key=lambda kind: kind.__name__)


async def serve(options):
    log, ports, servers, loop = open(options.log, "a"), {}, [], asyncio.get_running_loop()  # noqa: SIM115: for as long as it lives

    async def listen(name, accept):
        server = await asyncio.start_server(accept, "127.0.0.1", 0, limit=1 << 20)
        servers.append(server)
        ports[name] = server.sockets[0].getsockname()[1]
        return ports[name]

    healthy = [Numbered(options.folder, log, name) for name in options.healthy]
    for camera in healthy:
        await listen(camera.name, lambda reader, writer, camera=camera: NumberedConnection(camera, reader, writer).run())
    turns = random.Random(options.seed)
    misbehaving = [ByTurns(options.folder, log, name, kinds(), turns) for name in options.misbehaving]
    for camera in misbehaving:
        camera.port = camera.camera.port = await listen(camera.name, camera.accept)
    loop.add_signal_handler(signal.SIGUSR1, lambda: [camera.stop() for camera in healthy])
    partial = pathlib.Path(f"{options.ports}.partial")
    partial.write_text(json.dumps(ports))
    partial.rename(options.ports)
    while misbehaving:
        # One after another, so that something changes all the time.
        for camera in misbehaving:
            await asyncio.sleep(options.turn_seconds / len(misbehaving))
            camera.turn()
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("log", type=pathlib.Path)
    parser.add_argument("--ports", required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--turn-seconds", type=float, required=True)
    parser.add_argument("--healthy", nargs="*", default=[])
    parser.add_argument("--misbehaving", nargs="*", default=[])
    asyncio.run(serve(parser.parse_args()))
