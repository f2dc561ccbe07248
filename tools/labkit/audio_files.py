"""Two recordings that cannot be taken for each other, as PCMU (G.711 µ-law, 8,000 samples a second)."""
import math
import random

RATE = 8000
BIAS, CLIP = 0x84, 32635


def encode(sample):
    """One 16-bit sample as µ-law."""
    sign = 0x80 if sample < 0 else 0
    magnitude = min(abs(sample), CLIP) + BIAS
    exponent = magnitude.bit_length() - 8
    return ~(sign | exponent << 4 | (magnitude >> (exponent + 3)) & 0x0F) & 0xFF


def melody(seconds):
    """Notes of a scale, a third of a second each."""
    notes = (262, 294, 330, 349, 392, 440, 494, 523)
    return bytes(encode(int(9000 * math.sin(2 * math.pi * notes[at * 3 // RATE % len(notes)] * at / RATE)
                            + 300 * math.sin(at * at / 7e5))) for at in range(int(seconds * RATE)))


def chatter(seconds):
    """Noise through a moving resonance, in syllables: what speech looks like to a codec."""
    source, state, result = random.Random(7), 0.0, bytearray()
    for at in range(int(seconds * RATE)):
        state = 0.85 * state + source.gauss(0, 1800) * math.cos(2 * math.pi * (400 + 300 * math.sin(at / 4000)) * at / RATE)
        result.append(encode(int(state * abs(math.sin(at / 1500)))))
    return bytes(result)
