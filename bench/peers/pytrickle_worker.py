"""A PyTrickle worker that passes frames through unchanged: `pytrickle_worker.py PORT`.

It is written as PyTrickle's README and its passthrough example say.
"""

import asyncio
import logging
import sys

from pytrickle import AudioFrame, FrameProcessor, StreamServer, VideoFrame


class Passthrough(FrameProcessor):
    """Returns what it gets."""

    async def load_model(self, **kwargs):
        pass

    async def process_video_async(self, frame: VideoFrame):
        return frame

    async def process_audio_async(self, frame: AudioFrame):
        return [frame]

    async def update_params(self, params):
        pass


async def main(port: int) -> None:
    server = StreamServer(
        frame_processor=Passthrough(),
        host="127.0.0.1",
        port=port,
        capability_name="bench",
    )
    await server.run_forever()


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    asyncio.run(main(int(sys.argv[1])))
