#!/usr/bin/env python3
"""A TCP relay that hands on each byte some time after it came, as a long line does: delay_relay.py LISTEN TARGET MILLISECONDS

LISTEN and TARGET are HOST:PORT. Unlike a sleep before each write it keeps any number of bytes under way at once.
"""
import asyncio
import sys

PIECE = 64 << 10
UNDER_WAY_MAX = 1024  # pieces a direction


def address(text):
    host, _, port = text.rpartition(":")
    return host, int(port)


async def hand_on(reader, writer, delay):
    under_way = asyncio.Queue(UNDER_WAY_MAX)
    now = asyncio.get_running_loop().time

    async def deliver():
        while True:
            due, data = await under_way.get()
            await asyncio.sleep(due - now())
            if not data:
                writer.close()
                return
            writer.write(data)
            await writer.drain()

    delivery = asyncio.create_task(deliver())
    try:
        while not delivery.done():  # else nobody empties the queue
            data = await reader.read(PIECE)
            await under_way.put((now() + delay, data))
            if not data:
                break
        await delivery
    except ConnectionError:
        delivery.cancel()
        writer.close()


async def main():
    listen, target, delay = address(sys.argv[1]), address(sys.argv[2]), int(sys.argv[3]) / 1000

    async def serve(reader, writer):
        try:
            far_reader, far_writer = await asyncio.open_connection(*target)
        except OSError:
            writer.close()
            return
        await asyncio.gather(hand_on(reader, far_writer, delay), hand_on(far_reader, writer, delay))

    server = await asyncio.start_server(serve, *listen)
    async with server:
        await server.serve_forever()


asyncio.run(main())
