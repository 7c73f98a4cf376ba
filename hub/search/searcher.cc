#include <xapian.h>

#include <algorithm>

#include "common/base/check.h"
#include "common/base/encoding.h"
#include "hub/search/format.h"
#include "hub/search/terms.h"

namespace noroshi::search {
namespace {

// A search may meet two commits of the writer: then it begins anew.
constexpr int kAttempts = 4;
constexpr uint32_t kStepsOfPolicy = 10;

// The places that a search may look at, in order, as long as it has steps left.
class Range final : public Xapian::PostingSource {
 public:
  Range(Xapian::docid first, Xapian::docid last, uint32_t* steps)
      : first_(first), last_(last), steps_(*steps) {}

  // Few: then it leads the other lists and sees every step that they take.
  Xapian::doccount get_termfreq_min() const override { return 0; }
  Xapian::doccount get_termfreq_est() const override { return 1; }
  Xapian::doccount get_termfreq_max() const override { return documents_; }
  void next(double) override { Step(at_ == 0 ? first_ : at_ + 1); }
  void skip_to(Xapian::docid place, double) override { Step(std::max(place, first_)); }
  bool at_end() const override { return at_ > last_ || stopped_; }
  Xapian::docid get_docid() const override { return at_; }
  void init(const Xapian::Database& database) override { documents_ = database.get_doccount(); }
  std::string get_description() const override { return "Range"; }

  // Whether the steps were used up, and the first place that was not looked at.
  bool stopped() const { return stopped_; }
  Xapian::docid at() const { return at_; }

 private:
  void Step(Xapian::docid place) {
    if (stopped_ || place <= at_) return;
    at_ = place;
    stopped_ = at_ <= last_ && ++steps_ > kStepsMax;
  }

  const Xapian::docid first_;
  const Xapian::docid last_;
  uint32_t& steps_;
  Xapian::docid at_ = 0;  // 0: before the first.
  bool stopped_ = false;
  Xapian::doccount documents_ = 0;
};

class Decider final : public Xapian::MatchDecider {
 public:
  Decider(const Request& request, uint32_t* steps) : request_(request), steps_(*steps) {}

  bool operator()(const Xapian::Document& document) const override {
    steps_ += kStepsOfPolicy;
    const auto facts = DecodeFacts(document.get_value(kFactsSlot));
    return facts.ok() && request_.may_show(facts->first, facts->second);
  }

 private:
  const Request& request_;
  uint32_t& steps_;
};

Xapian::Query Filtered(const Request& request, Xapian::PostingSource* range) {
  std::vector<Xapian::Query> all = {Xapian::Query(range)};
  for (const std::string& term : request.terms) all.emplace_back(term);
  if (request.kind) all.emplace_back(KindTerm(*request.kind));
  if (!request.organization.empty()) {
    std::vector<std::string> either = {MarkedTerm(Mark::kOwner, request.organization),
                                       MarkedTerm(Mark::kReceiver, request.organization)};
    if (request.with_cases) either.push_back(KindTerm(Kind::kCase));
    all.emplace_back(Xapian::Query::OP_OR, either.begin(), either.end());
  }
  return Xapian::Query(Xapian::Query::OP_AND, all.begin(), all.end());
}

// The first place whose document is older than this; places count down in time.
Xapian::docid FirstOlderThan(const Xapian::Database& database, int64_t time_ms) {
  Xapian::docid low = 1;
  Xapian::docid high = kFirstPlace;  // Holds no document.
  while (low < high) {
    const Xapian::docid middle = low + (high - low) / 2;
    auto value = database.valuestream_begin(kTimeSlot);
    value.skip_to(middle);
    if (value == database.valuestream_end(kTimeSlot)) {
      high = middle;
    } else if (static_cast<int64_t>(ReadBigEndian64(*value)) < time_ms) {
      high = middle;
    } else {
      low = value.get_docid() + 1;
    }
  }
  return low;
}

Hits Search(const std::string& folder, const Request& request) {
  const Xapian::Database database(DatabaseFolder(folder));
  Hits found;
  const std::string entries = database.get_metadata(kEntriesKey);
  if (entries.size() == sizeof(uint64_t)) found.entries = ReadBigEndian64(entries);
  if (database.get_doccount() == 0) return found;
  Xapian::docid first = request.after + 1;
  Xapian::docid last = kFirstPlace;
  if (request.until_ms) first = std::max(first, FirstOlderThan(database, *request.until_ms));
  if (request.from_ms) last = FirstOlderThan(database, *request.from_ms) - 1;
  if (first > last) return found;
  uint32_t steps = 0;
  Range range(first, last, &steps);
  const Decider decider(request, &steps);
  Xapian::Enquire enquire(database);
  enquire.set_query(Filtered(request, &range));
  enquire.set_weighting_scheme(Xapian::BoolWeight());
  enquire.set_docid_order(Xapian::Enquire::ASCENDING);
  const auto limit = static_cast<Xapian::doccount>(request.limit);
  const Xapian::MSet matches = enquire.get_mset(0, limit + 1, 0, nullptr, &decider);
  for (auto match = matches.begin(); match != matches.end(); ++match) {
    if (found.hits.size() == limit) {
      found.next = found.hits.back().place;
      return found;
    }
    found.hits.push_back({DecodeObject(match.get_document().get_data()), *match});
  }
  if (range.stopped()) found.next = range.at() - 1;
  return found;
}

}  // namespace

Result<Hits> Searcher::Find(const Request& request) const {
  NOROSHI_CHECK(!request.terms.empty() && request.limit > 0 && request.limit <= kHitsMax);
  for (int attempt = 1;; ++attempt) {
    try {
      return Search(folder_, request);
    } catch (const Xapian::DatabaseModifiedError& error) {
      if (attempt == kAttempts) return FromXapian(error, "search");
    } catch (const Xapian::DatabaseOpeningError&) {
      return Error{ErrorCode::kUnavailable, "the search index is being made; ask again later"};
    } catch (const Xapian::Error& error) {
      return FromXapian(error, "search");
    }
  }
}

}  // namespace noroshi::search
