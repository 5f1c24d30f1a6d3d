/**
 * Change a node into another with the fewest changes, so that what the reader has selected or
 * scrolled in it stays.
 *
 * @param {ChildNode} from a node of the page
 * @param {ChildNode} to is used up
 */
export function morph(from, to) {
  if (from.nodeType !== to.nodeType || from.nodeName !== to.nodeName) {
    from.replaceWith(to);
  } else if (from instanceof Text && to instanceof Text) {
    morphText(from, to.data);
  } else if (from instanceof Element && to instanceof Element) {
    if (from.classList.contains("math")) {
      if (!from.isEqualNode(to)) from.replaceWith(to); // its styles are rules, no attributes
      return;
    }
    morphAttributes(from, to);
    morphChildren(from, [...to.childNodes]);
  }
}

/**
 * @param {Text} from
 * @param {string} text
 */
function morphText(from, text) {
  if (text === from.data) return;
  if (text.startsWith(from.data)) from.appendData(text.slice(from.data.length));
  else from.data = text;
}

/**
 * @param {Element} from
 * @param {Element} to
 */
function morphAttributes(from, to) {
  for (const { name } of [...from.attributes]) {
    if (!to.hasAttribute(name)) from.removeAttribute(name);
  }
  for (const { name, value } of to.attributes) {
    if (from.getAttribute(name) !== value) from.setAttribute(name, value);
  }
}

/**
 * @param {Element} from
 * @param {ChildNode[]} wanted
 */
function morphChildren(from, wanted) {
  const present = [...from.childNodes];
  wanted.forEach((node, at) => {
    if (at < present.length) morph(present[at], node);
    else from.append(node);
  });
  for (const surplus of present.slice(wanted.length)) surplus.remove();
}
