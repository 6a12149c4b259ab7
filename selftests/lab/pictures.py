# SPDX-License-Identifier: GPL-2.0
"""Pictures of a user VM's screen that jobs take: lines "@picture NAME BYTES", a PPM, gzipped, in
base64."""

import base64
import gzip
import os
import re
import struct
import zlib

MARK = "@picture "


def _chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(ppm):
    """A PPM (P6, 8 bits) as a PNG: with a palette, if it has few colours."""
    m = re.match(rb"P6\s(\d+) (\d+)\s255\s", ppm)
    width, height = int(m.group(1)), int(m.group(2))
    data = ppm[m.end():]
    pixels = [data[i:i + 3] for i in range(0, width * height * 3, 3)]
    colours = {c: n for n, c in enumerate(sorted(set(pixels)))}
    head, more = (8, 2), b""
    if len(colours) <= 256:
        head, more = (8, 3), _chunk(b"PLTE", b"".join(sorted(colours)))
        rows = (bytes(colours[p] for p in pixels[y * width:(y + 1) * width]) for y in range(height))
    else:
        rows = (data[y * width * 3:(y + 1) * width * 3] for y in range(height))
    packed = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
    return (b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, *head, 0, 0, 0)) +
            more + _chunk(b"IDAT", packed) + _chunk(b"IEND", b""))


def save(line, folder):
    """Put the picture of LINE into FOLDER."""
    name, data = line[len(MARK):].split(" ", 1)
    if not re.fullmatch(r"[a-z0-9-]+", name):
        return
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name + ".png"), "wb") as f:
        f.write(png(gzip.decompress(base64.b64decode(data))))
