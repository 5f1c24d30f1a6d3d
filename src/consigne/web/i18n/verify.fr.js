// @ts-check
// The words of the page /verify, in French.

export const fr = {
  locale: "fr",
  title: "D’où vient cette image ?",
  intro:
    "Les images faites avec Consigne portent une attestation signée et une marque dans leurs pixels. Choisissez une image pour les lire.",
  choose: "Choisissez une image (PNG, JPEG ou WebP), ou déposez-la ici",
  note: "L’image est examinée puis oubliée. Si rien n’est trouvé, cela ne veut pas dire qu’une personne l’a faite.",
  checking: "Examen en cours…",
  failed: "Vérification impossible",
  unreachable: "Le service est injoignable. Réessayez dans un instant.",
  unreadable:
    "Ce fichier n’est pas une image lisible ici, ou il est endommagé. Choisissez un fichier PNG, JPEG ou WebP.",
  tooLarge: "L’image est trop grande : 50 Mo et 40 millions de pixels au plus sont lus.",
  signer: "Signée par",
  ours: "ce service",
  others: "un autre que ce service",
  program: "Programme",
  model: "Modèle",
  made: "Faite le",
  mark: "Marque dans les pixels",
  marked: "trouvée",
  unmarked: "absente",
  changes: "Depuis",
  problems: "Constat de la vérification",
  verdicts: {
    intact: "Faite avec Consigne, inchangée",
    changed: "Faite avec Consigne, modifiée depuis",
    stripped: "Faite avec Consigne, attestation perdue",
    foreign: "D’une autre provenance",
    unmarked: "De provenance inconnue",
  },
  meanings: {
    intact:
      "Un modèle d’IA a fait cette image, ou une partie. Pas un octet n’a changé depuis sa signature.",
    changed:
      "Un modèle d’IA a fait cette image, ou une partie, et le fichier a été modifié après sa signature.",
    stripped:
      "Les pixels portent la marque des images faites ici par un modèle d’IA, mais le fichier n’a plus d’attestation : un réenregistrement ou l’envoi par une messagerie suffit à l’ôter.",
    foreign: "Elle porte une attestation écrite par un autre programme.",
    unmarked: "Ce fichier n’a pas d’attestation, ni ses pixels de marque.",
  },
};
