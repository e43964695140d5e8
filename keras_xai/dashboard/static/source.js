// Where data come from: the routes of the TensorBoard plugin, or the page itself (a report that needs no server).

/** The source of this page: {live, index(), record(run, tag, wall), series(run, name, session, measures)}. */
export function openSource() {
  const report = document.getElementById("keras-xai-report");
  return report ? embedded(JSON.parse(report.textContent)) : overHttp(new URL("../", import.meta.url));
}

function overHttp(base) {
  const get = async (route, query, read) => {
    const url = new URL(`${route}?${new URLSearchParams(query)}`, base);
    const answer = await fetch(url).catch(() => {
      throw Object.assign(
        new Error("TensorBoard does not answer. Is it still running? Start it again and reload the page."),
        { passing: true },
      );
    });
    if (answer.ok) return read(answer);
    const said = await answer.json().catch(() => ({}));
    throw new Error(typeof said.error === "string" ? said.error : `TensorBoard answered ${answer.status} to ${route}.`);
  };
  return {
    live: true,
    index: () => get("index", {}, (answer) => answer.json()),
    record: (run, tag, wall) =>
      get("record", { run, tag, wall: JSON.stringify(wall) }, (answer) => answer.arrayBuffer()),
    series: (run, name, session, measures) =>
      get("series", { run, name, session, measures: measures ? 1 : 0 }, (answer) => answer.json()),
  };
}

function embedded(report) {
  const find = (table, parts, what) => {
    const key = parts.join("\n");
    if (!Object.hasOwn(table, key)) throw new Error(`The report does not hold ${what}.`);
    return table[key];
  };
  return {
    live: false,
    title: report.title,
    index: async () => report.index,
    record: async (run, tag, wall) => {
      const block = document.getElementById(find(report.records, [run, tag, JSON.stringify(wall)], tag));
      const zipped = Uint8Array.from(atob(block.textContent.trim()), (character) => character.charCodeAt(0));
      return new Response(new Blob([zipped]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
    },
    series: async (run, name, session) => find(report.series, [run, name, session], `the curves of ${name}`),
  };
}
