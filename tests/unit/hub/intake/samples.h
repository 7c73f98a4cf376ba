// Good submissions, by the names that these tests use.
#pragma once

#include "tests/unit/common/submission/samples.h"

namespace noroshi::intake {

using submission::kNowMs;
using submission::SampleIncident;
using submission::SampleMail;
using submission::SampleObservation;
using submission::SampleOf;
using submission::TestVocabulary;
using submission::Vocabulary;

}  // namespace noroshi::intake
