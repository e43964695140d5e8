// New data while training goes on: TensorBoard says when it has reloaded; without TensorBoard we ask now and then.

const PATIENCE = 15_000; // milliseconds

/** @param reload called when there may be new data. */
export function followReloads(reload) {
  let told = false;
  const channel = new MessageChannel();
  channel.port1.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    if (message.isReply) return;
    told = true;
    channel.port1.postMessage(
      JSON.stringify({ type: message.type, id: message.id, payload: null, error: null, isReply: true }),
    );
    if (message.type === "experimental.DataReloaded") reload();
  };
  if (window.parent !== window) window.parent.postMessage("experimental.bootstrap", "*", [channel.port2]);
  // TensorBoard's own reload is off by default; a live run must be followed all the same.
  setInterval(() => {
    if (!document.hidden && !told) reload();
    told = false;
  }, PATIENCE);
}
