#include <fmt/format.h>

#include <boost/json.hpp>
#include <cstdio>
#include <map>
#include <set>

#include "agent/app/commands.h"
#include "agent/app/parts.h"
#include "common/base/encoding.h"
#include "common/merkle/merkle.h"

namespace noroshi::agent {
namespace {

namespace json = boost::json;

// Checks everything that is kept, without asking anybody.
class Auditor {
 public:
  Auditor(Parts& parts, int64_t now_ms) : parts_(parts), now_ms_(now_ms) {}

  Result<void> Audit() {
    for (const std::string& folder : parts_.spool.KeptFolders(now_ms_)) {
      NOROSHI_ASSIGN_OR_RETURN(const auto items, parts_.spool.SentIn(folder));
      for (const spool::Item& item : items) sent_.emplace(item.id.bytes(), Sent{folder, item});
    }
    NOROSHI_ASSIGN_OR_RETURN(const auto waiting, parts_.spool.Waiting());
    for (const spool::Item& item : waiting) waiting_.insert(item.id.bytes());
    NOROSHI_RETURN_IF_ERROR(parts_.spool.ForEachKept(now_ms_, [&](const auto& kept) {
      CheckFile(kept);
      return true;
    }));
    for (const auto& [id, sent] : sent_) {
      if (sent.receipts == 0) Find(sent.folder + "/" + sent.item.name(), "has no receipt");
    }
    NOROSHI_ASSIGN_OR_RETURN(const auto head, parts_.head.Load());
    if (head) (void)CheckHead("state/head", *head);
    return {};
  }

  const std::vector<std::string>& findings() const { return findings_; }
  size_t verified() const { return verified_; }

 private:
  struct Sent {
    std::string folder;
    spool::Item item;
    size_t receipts = 0;
  };

  void Find(const std::string& where, const std::string& what) {
    findings_.push_back(where + ": " + what);
  }

  void CheckFile(const spool::Spool::Kept& kept) {
    const std::string where = kept.folder + "/" + kept.receipts;
    if (!kept.content.ok()) return Find(where, kept.content.error().message);
    (void)CheckHead(where, kept.content->head());  // Whether or not a receipt is below it.
    for (const v1::Receipt& receipt : kept.content->receipts()) CheckReceipt(where, receipt);
  }

  // Whether the log's key signed it; once for each head, which many receipts share. Two heads
  // of one log and size must be the same: the hub cannot have signed both honestly.
  bool CheckHead(const std::string& where, const v1::TreeHead& head) {
    const std::string bytes = head.SerializeAsString();
    if (signed_.contains(bytes)) return true;
    if (auto valid = merkle::VerifyTreeHead(head, parts_.pins.log_public_key); !valid.ok()) {
      Find(where, valid.error().message);
      return false;
    }
    signed_.insert(bytes);
    const auto [known, added] =
        roots_.emplace(std::pair(head.log_id(), head.tree_size()), head.root_hash());
    if (!added && known->second != head.root_hash())
      Find(where, fmt::format("another root for tree size {} than before", head.tree_size()));
    return true;
  }

  void CheckReceipt(const std::string& where, const v1::Receipt& receipt) {
    if (!CheckHead(where, receipt.head())) return;
    const auto sent = sent_.find(receipt.submission_id());
    const auto id = Uuid::FromBytes(receipt.submission_id());
    const std::string name = id.ok() ? id->ToString() : ToHex(receipt.submission_id());
    if (sent == sent_.end()) {
      // Put back for a restored hub, or its receipt came just before a crash.
      if (!waiting_.contains(receipt.submission_id()))
        Find(where, "the submission " + name + " is not kept");
      return;
    }
    ++sent->second.receipts;
    const auto bytes = parts_.spool.LoadSent(sent->second.folder, sent->second.item);
    if (!bytes.ok()) return Find(name, bytes.error().message);
    const auto valid =
        merkle::VerifyReceiptUnder(receipt.head(), receipt, *bytes, parts_.pins.organization);
    if (!valid.ok()) return Find(where, name + ": " + valid.error().message);
    ++verified_;
  }

  Parts& parts_;
  int64_t now_ms_;
  std::map<std::string, Sent> sent_;  // By submission id.
  std::set<std::string> waiting_;
  std::map<std::pair<std::string, uint64_t>, std::string> roots_;
  std::set<std::string> signed_;  // Heads, serialised.
  std::vector<std::string> findings_;
  size_t verified_ = 0;
};

}  // namespace

int Verify(const Environment& environment) {
  auto parts = Parts::Open(environment);
  if (!parts.ok()) return FailConfig(environment, parts.error());
  Auditor auditor(*parts, environment.clock.NowMs());
  if (auto audited = auditor.Audit(); !audited.ok()) return environment.Fail(audited.error());
  const auto& findings = auditor.findings();
  if (environment.json) {
    const json::object answer = {{"verified", auditor.verified()},
                                 {"findings", json::array(findings.begin(), findings.end())}};
    std::puts(json::serialize(answer).c_str());
  } else {
    for (const std::string& finding : findings) std::puts(finding.c_str());
    std::puts(fmt::format("検証した受領証 / receipts verified: {}   問題 / findings: {}",
                          auditor.verified(), findings.size())
                  .c_str());
  }
  return findings.empty() ? kExitOk : kExitFindings;
}

}  // namespace noroshi::agent
