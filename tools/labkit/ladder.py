"""The ladder of a call in words: who said what to whom, from the captures of both sides."""

WORDS = {
    "INVITE": "calls", "ACK": "confirms", "BYE": "hangs up", "CANCEL": "gives up", "OPTIONS": "asks what is possible",
}
STATUS_WORDS = {
    100: "is working on it", 180: "is ringing", 183: "has early audio", 200: "accepts", 486: "is busy",
    487: "confirms that it was given up", 481: "knows no such call", 408: "got no answer", 503: "has no room",
}


def say(message):
    """`INVITE sip:…: calls` or `180 Ringing: is ringing`."""
    if message.is_request:
        words = WORDS.get(message.method, "asks")
        head = message.method
        if message.method == "INVITE" and ";tag=" in message.header("to"):
            words = "changes the call"
    else:
        words = STATUS_WORDS.get(message.status, "answers")
        head = message.first_line.removeprefix("SIP/2.0 ")
        if message.status == 200 and message.method != "INVITE":
            words = "agrees"
        head += f" to {message.method}"
    media = message.media()
    if media:
        words += f", audio at {media[0]}:{media[1]}" + ("" if media[2] == "sendrecv" else f" ({media[2]})")
    return head, words


def lines(sniffers, names, ours):
    """One line per message. names: {endpoint address: name}; ours: the gate's addresses."""
    messages = sorted((message for sniffer in sniffers for message in sniffer.messages()), key=lambda item: item.at)
    if not messages:
        return []
    start = messages[0].at
    result = []
    for message in messages:
        def name(endpoint):
            return "gate" if endpoint[0] in ours else names.get(endpoint[0], endpoint[0])
        head, words = say(message)
        who = f"{name(message.source)} → {name(message.destination)}"
        result.append(f"{(message.at - start) * 1e3:8.1f} ms  {who:<18} {head:<32} {words}")
    return result
