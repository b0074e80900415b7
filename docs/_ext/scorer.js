// Pages whose title has the word come first, then names of the reference.
var Scorer = {
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 40,
  partialTitle: 12,
  term: 5,
  partialTerm: 2,
};
