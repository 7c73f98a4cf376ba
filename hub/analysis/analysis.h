// Analysis: from the bytes of a submission to facts and a classification.
//
// Pure and deterministic: the same bytes and rules give the same result on
// every machine; no clock, no locale, no floating point, no file. Mails are
// hostile: callers outside tests go through Pool (pool.h), which parses them in
// confined processes.
//
// Reading order: mail.h (structure), html.h, unwrap.h, segments.h, sketch.h, rules.h,
// classify.h; pool.h, worker.h and sandbox.h run them.
//
// Threads: thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "hub/analysis/mail.h"
#include "hub/analysis/rules.h"
#include "noroshi/v1/journal.pb.h"
#include "noroshi/v1/submission.pb.h"

namespace noroshi::analysis {

// Changes with every change of what the analyser finds in the same bytes.
inline constexpr std::string_view kAnalyserVersion = "2.1";

// Parts of a serialised AnalysisResult never exceed this in total.
inline constexpr size_t kResultBytesMax = 2 * 1024 * 1024;

// Facts and classification of one submission; subject_sequence stays 0. The
// outcome is COMPLETE, or PARTIAL with the limit that was reached in error.
v1::AnalysisResult AnalyseSubmission(const v1::Submission& submission, const Rules& rules);

// As AnalyseSubmission, for serialised bytes. Bytes that are no Submission give
// outcome FAILED.
v1::AnalysisResult AnalyseBytes(std::string_view submission, const Rules& rules);

// AnalyseSubmission of a mail in its two halves. What the mail's bytes hold: hostile, and
// so read in a confined process, which is told nothing else.
v1::AnalysisResult AnalyseRawMail(std::string_view raw);
// What its receiver says of it, and the versions. If the mail could not be read, the
// receiver's word alone classifies it.
void FinishMail(const v1::SuspiciousMail& mail, const Rules& rules, v1::AnalysisResult* result);

// Outcome FAILED with this error.
v1::AnalysisResult FailedResult(std::string error);

}  // namespace noroshi::analysis
