# A worker in a container. Targets: `cpu` (software Vulkan) and `nvidia`; docs in README.md, "Container".
#
#   docker build --target cpu -t runnel:cpu .
#   docker build --target nvidia -t runnel:nvidia .
#
# --build-arg FFMPEG=static takes a static ffmpeg 7 instead of Debian's 5.1: it starts faster, but it
# cannot load NVIDIA's driver, so it is for the target `cpu`.
#
# Images are named by their digests, which no registry can change. For another version:
# `docker buildx imagetools inspect IMAGE:TAG`.
ARG FFMPEG=debian

FROM denoland/deno:bin-2.9.6@sha256:4cf0029b9aeeeed5efcbb71828737f0d7c8c8a20072df960e51a5679ef0d21ba AS deno

FROM mwader/static-ffmpeg:7.1.1@sha256:11a44711684c0b9f754c047dcd64235b8b52deab251bd0e0a86f22faa160749c AS static-ffmpeg

FROM debian:bookworm-20260824-slim@sha256:88200866dfff7ea7f5cbcb6ec7c8a701889efe6fe859fe64d6990e4b07ea4171 AS base
RUN apt-get update \
  && apt-get install -y --no-install-recommends ca-certificates libvulkan1 tini \
  && rm -rf /var/lib/apt/lists/*

FROM base AS ffmpeg-debian
RUN apt-get update \
  && apt-get install -y --no-install-recommends ffmpeg \
  && rm -rf /var/lib/apt/lists/*

FROM base AS ffmpeg-static
COPY --from=static-ffmpeg /ffmpeg /ffprobe /usr/local/bin/

FROM ffmpeg-${FFMPEG} AS worker
LABEL org.opencontainers.image.title="Runnel" \
  org.opencontainers.image.description="A GPU runtime for live video and audio" \
  org.opencontainers.image.licenses="MIT"
# A fixed number, so that volumes can be given to it: chown 10001:10001.
RUN groupadd --gid 10001 runnel \
  && useradd --uid 10001 --gid runnel --create-home --shell /usr/sbin/nologin runnel \
  && mkdir -p /app /cache/deno \
  && chown -R runnel:runnel /cache
COPY --from=deno /deno /usr/local/bin/deno
# Outside of the container nobody reaches more than the ports that are published.
ENV HOST=0.0.0.0 \
  DENO_DIR=/cache/deno \
  DENO_NO_UPDATE_CHECK=1 \
  XDG_CACHE_HOME=/cache/models \
  XDG_RUNTIME_DIR=/tmp
WORKDIR /app
USER 10001:10001
# The application is root's: what runs cannot change it. So the container may be read-only, with /tmp
# and the volume to write to.
COPY deno.json deno.lock mod.ts LICENSE ./
COPY links ./links
COPY src ./src
COPY docker/health.ts docker/serve_safe.sh ./docker/
# Every module, since threads and models are loaded by name: the container starts without a network.
RUN mkdir -p /cache/models \
  && find src -name '*.ts' -exec deno cache --frozen mod.ts docker/health.ts {} +
VOLUME /cache/models
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
  CMD ["deno", "run", "--no-lock", "--allow-net", "--allow-env", "/app/docker/health.ts", "/livez"]
# serve has the permissions that its options need, and no others; other commands have all.
ENTRYPOINT ["tini", "--", "/app/docker/serve_safe.sh"]

FROM worker AS nvidia
# Root for the packages alone.
USER 0:0
# Without these the driver's libraries, which the NVIDIA container toolkit mounts, do not load.
RUN apt-get update \
  && apt-get install -y --no-install-recommends libegl1 libglvnd0 libxext6 \
  && rm -rf /var/lib/apt/lists/*
COPY docker/nvidia_egl_icd.json /usr/share/vulkan/icd.d/nvidia_egl_icd.json
# graphics brings the Vulkan driver, video NVDEC and NVENC.
ENV NVIDIA_VISIBLE_DEVICES=all \
  NVIDIA_DRIVER_CAPABILITIES=compute,video,utility,graphics
USER 10001:10001

FROM worker AS cpu
USER 0:0
RUN apt-get update \
  && apt-get install -y --no-install-recommends mesa-vulkan-drivers \
  && rm -rf /var/lib/apt/lists/*
USER 10001:10001
