# Builds the package as `npm pack` does, then installs it without development dependencies.
FROM node:22-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts
COPY . .
RUN npm run prepare && npm pack --ignore-scripts && mv aura-keys-*.tgz aura-keys.tgz

FROM node:22-bookworm-slim AS install
WORKDIR /app
COPY --from=build /build/aura-keys.tgz ./
RUN npm init --yes > /dev/null && npm install --omit=dev --no-audit --no-fund ./aura-keys.tgz && rm aura-keys.tgz

FROM node:22-bookworm-slim
ENV NODE_ENV=production HOST=0.0.0.0 PORT=4000 DATA_DIR=/data
WORKDIR /app
COPY --from=install /app ./
RUN mkdir /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 4000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/readyz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "node_modules/aura-keys/dist/main.js", "serve"]
