// Runs in a sandboxed frame of no origin: what is drawn here can reach neither the page nor the net.
(() => {
  const mermaid = Reflect.get(globalThis, "mermaid");
  let turn = Promise.resolve();

  addEventListener("message", (event) => {
    if (event.source !== parent) return;
    const { id, source, dark } = event.data;
    turn = turn
      .then(() => draw(`diagram${id}`, source, dark))
      .then(
        (drawn) => parent.postMessage({ id, ...drawn }, "*"),
        () => parent.postMessage({ id }, "*"),
      );
  });

  /**
   * @param {string} name
   * @param {string} source
   * @param {boolean} dark
   */
  async function draw(name, source, dark) {
    mermaid.initialize({
      startOnLoad: false, securityLevel: "strict", suppressErrorRendering: true, htmlLabels: false,
      theme: dark ? "dark" : "neutral", fontFamily: "ui-sans-serif, system-ui, sans-serif",
      flowchart: { htmlLabels: false }, maxTextSize: 50000, maxEdges: 500,
    });
    const { svg: markup } = await mermaid.render(name, source);
    const svg = new DOMParser().parseFromString(markup, "text/html").querySelector("svg");
    if (!svg) throw new Error("nothing drawn");
    const { width, height } = svg.viewBox.baseVal;
    svg.setAttribute("width", String(width));
    svg.setAttribute("height", String(height));
    return { svg: new XMLSerializer().serializeToString(svg), width: Math.ceil(width), height: Math.ceil(height) };
  }
})();
