/* citations.c -- sentences and BibTeX by method; identifiers are those of the methods' sources. */
#include "cli/citations.h"

#include <string.h>

#define OWN "joulecast's own"

#define DEL_REY                                                                                    \
  "@misc{delrey2023estimating,\n"                                                                  \
  "  author = {del Rey, Santiago and Cruz, Lu{\\'i}s and Franch, Xavier and "                      \
  "Mart{\\'i}nez-Fern{\\'a}ndez, Silverio},\n"                                                     \
  "  title = {Estimating Deep Learning energy consumption based on model architecture and "        \
  "training environment},\n"                                                                       \
  "  eprint = {2307.05520},\n"                                                                     \
  "  archivePrefix = {arXiv},\n"                                                                   \
  "  year = {2023}\n"                                                                              \
  "}\n"

static const struct citation citations[] = {
    {"layerwise",
     OWN
     ": a roofline and a kernel regression for each layer type; the regression is the subset of "
     "regressors of Rasmussen and Williams, Gaussian Processes for Machine Learning (2006).",
     "@book{rasmussen2006gaussian,\n"
     "  author = {Rasmussen, Carl Edward and Williams, Christopher K. I.},\n"
     "  title = {Gaussian Processes for Machine Learning},\n"
     "  series = {Adaptive Computation and Machine Learning},\n"
     "  publisher = {MIT Press},\n"
     "  address = {Cambridge, MA},\n"
     "  year = {2006},\n"
     "  isbn = {0-262-18253-X}\n"
     "}\n"},
    {"layerwise-linear", OWN ": relative non-negative least squares for each layer type.", NULL},
    {"roofline",
     "Williams, Waterman and Patterson, Roofline, Communications of the ACM 52(4), 65-76 (2009).",
     "@article{williams2009roofline,\n"
     "  author = {Williams, Samuel and Waterman, Andrew and Patterson, David},\n"
     "  title = {Roofline: an insightful visual performance model for multicore architectures},\n"
     "  journal = {Communications of the ACM},\n"
     "  volume = {52},\n"
     "  number = {4},\n"
     "  pages = {65--76},\n"
     "  year = {2009},\n"
     "  doi = {10.1145/1498765.1498785}\n"
     "}\n"},
    {"flops", "The proportionality to floating-point operations that most estimates assume.", NULL},
    {"mlco2", "Lacoste et al., Quantifying the Carbon Emissions of Machine Learning (2019).",
     "@misc{lacoste2019quantifying,\n"
     "  author = {Lacoste, Alexandre and Luccioni, Alexandra and Schmidt, Victor and Dandres, "
     "Thomas},\n"
     "  title = {Quantifying the Carbon Emissions of Machine Learning},\n"
     "  eprint = {1910.09700},\n"
     "  archivePrefix = {arXiv},\n"
     "  year = {2019}\n"
     "}\n"},
    {"green-algorithms",
     "Lannelongue, Grealey and Inouye, Green Algorithms, Advanced Science 8, 2100707 (2021).",
     "@article{lannelongue2021green,\n"
     "  author = {Lannelongue, Lo{\\\"i}c and Grealey, Jason and Inouye, Michael},\n"
     "  title = {Green Algorithms: Quantifying the Carbon Footprint of Computation},\n"
     "  journal = {Advanced Science},\n"
     "  volume = {8},\n"
     "  pages = {2100707},\n"
     "  year = {2021},\n"
     "  doi = {10.1002/advs.202100707}\n"
     "}\n"},
    {"getzner", "Getzner et al., Accuracy is not the only Metric that matters (2023).",
     "@misc{getzner2023accuracy,\n"
     "  author = {Getzner, Johannes and Charpentier, Bertrand and G{\\\"u}nnemann, Stephan},\n"
     "  title = {Accuracy is not the only Metric that matters: Estimating the Energy Consumption "
     "of Deep Learning Models},\n"
     "  eprint = {2304.00897},\n"
     "  archivePrefix = {arXiv},\n"
     "  year = {2023}\n"
     "}\n"},
    {"run-physics", OWN ": terms of a whole run with constants by relative least squares.", NULL},
    {"pre-power", "del Rey et al., PRE: kernel ridge regression on features of the run.", DEL_REY},
    {"pre-energy", "del Rey et al., PRE: kernel ridge regression on features of the run.", DEL_REY},
    {"step-power", "del Rey et al., STEP: a window of steady epochs.", DEL_REY},
    {"step-energy", "del Rey et al., STEP: a window of steady epochs.", DEL_REY},
    {"carbontracker", "Anthony, Kanding and Selvan, Carbontracker (2020).",
     "@misc{anthony2020carbontracker,\n"
     "  author = {Anthony, Lasse F. Wolff and Kanding, Benjamin and Selvan, Raghavendra},\n"
     "  title = {Carbontracker: Tracking and Predicting the Carbon Footprint of Training Deep "
     "Learning Models},\n"
     "  eprint = {2007.03051},\n"
     "  archivePrefix = {arXiv},\n"
     "  year = {2020}\n"
     "}\n"},
};

const struct citation *citation_at(size_t index) {
  return index < sizeof(citations) / sizeof(citations[0]) ? &citations[index] : NULL;
}

const struct citation *citation_find(const char *method) {
  size_t i = 0;
  while (citation_at(i) != NULL && strcmp(citation_at(i)->method, method) != 0)
    i++;
  return citation_at(i);
}
