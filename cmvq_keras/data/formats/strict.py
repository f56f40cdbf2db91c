"""FFmpeg's decoders, set to fail on damage.

By themselves they go on after it, with a warning at most, and give what they guessed.
"""

# "explode" fails on what the decoder can see, "crccheck" compares checksums.
OPTIONS = {"err_detect": "crccheck+explode"}


def make_strict(context, **options):
    """Sets up a codec context of PyAV before it decodes anything.

    Args:
        context: `av.CodecContext`.
        **options: further options of the decoder.
    """
    context.options = {**OPTIONS, **options}
    context.thread_count = 1  # the files are spread over the cores already


def decoded(context, packets, what):
    """What a decoder gives of packets, from the first to the last.

    Args:
        context: `av.CodecContext` after `make_strict`.
        packets: sequence of `av.Packet`.
        what: the content, for the message, e.g. "its sound".

    Yields:
        `av.VideoFrame` or `av.AudioFrame`.

    Raises:
        ValueError: for content that the decoder refuses.
        NotImplementedError: for a feature of the format that FFmpeg does not know.
    """
    from av.error import FFmpegError, PatchWelcomeError

    context.flush_buffers()
    done = 0
    try:
        for packet in [*packets, None]:
            yield from context.decode(packet)
            done += 1
    except PatchWelcomeError as error:
        raise NotImplementedError(f"{what}: {error.strerror}") from None
    except FFmpegError as error:
        where = f" in part {done + 1} of {len(packets)}" if len(packets) > 1 else ""
        raise ValueError(f"{what} is damaged{where} ({error.strerror})") from None
