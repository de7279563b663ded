"""What tests of pictures and pages need: it reads PNG files without a library, and opens pages in a browser without a
screen."""

import struct
import subprocess
import zlib

from browser import BROWSER, FLAGS


def read_png(path):
    """Width, height and the numbers of pixels of each colour, {(r, g, b): pixels}. Eight bits a channel, no
    interlacing."""
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n", f"{path} is not a PNG file"
    at, chunks = 8, []
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += length + 12
    width, height, depth, kind, _, _, interlaced = struct.unpack(">IIBBBBB", chunks[0][1])
    channels = {2: 3, 6: 4}[kind]
    assert (depth, interlaced) == (8, 0)
    raw = zlib.decompress(b"".join(content for name, content in chunks if name == b"IDAT"))
    return width, height, count_colors(unfilter(raw, width * channels, height, channels), channels)


def unfilter(raw, stride, height, channels):
    """Undoes the filter of each line (PNG specification, section 9)."""
    before, lines = bytearray(stride), []
    for row in range(height):
        kind = raw[row * (stride + 1)]
        line = bytearray(raw[row * (stride + 1) + 1 : (row + 1) * (stride + 1)])
        for i in range(stride if kind else 0):
            left = line[i - channels] if i >= channels else 0
            up, corner = before[i], before[i - channels] if i >= channels else 0
            if kind == 4:
                guess = left + up - corner
                nearest = min((abs(guess - left), 0), (abs(guess - up), 1), (abs(guess - corner), 2))[1]
                add = (left, up, corner)[nearest]
            else:
                add = (0, left, up, (left + up) // 2)[kind]
            line[i] = (line[i] + add) & 255
        lines.append(line)
        before = line
    return lines


def count_colors(lines, channels):
    colors = {}
    for line in lines:
        for i in range(0, len(line), channels):
            color = (line[i], line[i + 1], line[i + 2])
            colors[color] = colors.get(color, 0) + 1
    return colors


def browse(page, folder, *arguments):
    """Opens a file in the browser; returns what it wrote: (standard output, standard error)."""
    command = [BROWSER, *FLAGS, "--enable-logging=stderr", f"--user-data-dir={folder / 'browser'}", *arguments]
    command += [page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout, done.stderr
