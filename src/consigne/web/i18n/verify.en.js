// @ts-check
// The words of the page /verify, in English.

export const en = {
  locale: "en",
  title: "Where is this picture from?",
  intro:
    "Pictures made with Consigne carry signed credentials and a mark in their pixels. Choose a picture to read them.",
  choose: "Choose a picture (PNG, JPEG or WebP), or drop it here",
  note: "The picture is looked at and not kept. That nothing is found does not mean that a person made it.",
  checking: "Looking at it…",
  failed: "This can’t be checked",
  unreachable: "The service can’t be reached. Try again in a moment.",
  unreadable: "This is no picture that can be read here, or it is damaged. Choose a PNG, JPEG or WebP file.",
  tooLarge: "The picture is too large: at most 50 MB and 40 million pixels are read.",
  signer: "Signed by",
  ours: "this service",
  others: "not this service",
  program: "Program",
  model: "Model",
  made: "Made",
  mark: "Mark in the pixels",
  marked: "found",
  unmarked: "not found",
  changes: "Since then",
  problems: "What the check found",
  verdicts: {
    intact: "Made with Consigne, unchanged",
    changed: "Made with Consigne, changed since",
    stripped: "Made with Consigne, credentials lost",
    foreign: "From another maker",
    unmarked: "Of unknown origin",
  },
  meanings: {
    intact: "An AI model made this picture, or a part of it. Not a byte was changed since it was signed.",
    changed: "An AI model made this picture, or a part of it, and the file was changed after it was signed.",
    stripped:
      "The pixels bear the mark of pictures that an AI model made here, but the file has no credentials any more: saving it anew or sending it through a messenger does that.",
    foreign: "It carries content credentials that another program wrote.",
    unmarked: "There are no credentials in this file, and no mark in its pixels.",
  },
};
