#include "tests/support/crash_rig.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdlib>

#include "common/base/encoding.h"
#include "tests/support/persons.h"

namespace noroshi::support {
namespace {

constexpr int kCyclesDefault = 20;
// Receipts between two crashes: 1 to this.
constexpr uint64_t kReceiptsMax = 40;
// New submissions that each submitter may send in a cycle: the load outlasts the receipts.
constexpr size_t kQuota = 50;

const char* const kSubmitters[] = {"kasumi-ministry", "shinko-agency"};
const char kReader[] = "bank-ceptoar";

}  // namespace

int CrashCycles() {
  const char* cycles = std::getenv("NOROSHI_CRASH_CYCLES");
  return cycles == nullptr ? kCyclesDefault : std::atoi(cycles);
}

CrashRig::CrashRig(const std::string& folder, const std::vector<std::string>& serve_with,
                   uint64_t seed)
    : hub_(folder, serve_with), random_(seed) {}

Result<void> CrashRig::Start() {
  NOROSHI_RETURN_IF_ERROR(hub_.Init());
  NOROSHI_RETURN_IF_ERROR(hub_.Serve());
  NOROSHI_RETURN_IF_ERROR(hub_.AddOrganization(kSubmitters[0], "ministry"));
  NOROSHI_RETURN_IF_ERROR(hub_.AddOrganization(kSubmitters[1], "incorporated_agency"));
  NOROSHI_RETURN_IF_ERROR(
      hub_.AddOrganization(kReader, "ceptoar", {"--sector", "finance", "--ceptoar", "banking"}));
  for (const char* organization : {kSubmitters[0], kSubmitters[1], kReader}) {
    NOROSHI_ASSIGN_OR_RETURN(Credentials credentials,
                             hub_.Certify(std::string(organization) + "/load"));
    submitters_.push_back(std::make_unique<Submitter>(std::move(credentials), ledger_, random_()));
  }
  return {};
}

Result<void> CrashRig::LoadAndCrash(const std::function<void()>& crash) {
  // Slow, and so not between the receipts and the crash.
  NOROSHI_ASSIGN_OR_RETURN(ProposedAlert alert, ProposeAlert());
  const size_t target = ledger_.receipts() + 1 + random_() % kReceiptsMax;
  for (auto& submitter : submitters_) {
    submitter->HubIsUp(hub_.address(), submitter->organization() == kReader ? 0 : kQuota);
  }
  if (!ledger_.WaitForReceipts(target)) {
    return Error{ErrorCode::kTimeout,
                 fmt::format("only {} of {} receipts came", ledger_.receipts(), target)};
  }
  const auto issued = Issue(std::move(alert));
  crash();
  hub_.Kill();
  return issued;
}

Result<ProposedAlert> CrashRig::ProposeAlert() {
  const std::string number = std::to_string(alerts_.size() + 1);
  return ProposedAlert::Propose(
      hub_, {"--kind", "warning", "--tlp", "GREEN", "--title-ja", "注意喚起" + number, "--title-en",
             "Warning " + number, "--text-ja", "本文", "--text-en", "Text", "--to", "all"});
}

Result<void> CrashRig::Issue(ProposedAlert alert) {
  NOROSHI_RETURN_IF_ERROR(alert.Approve());
  alerts_.push_back(alert.alert_id());
  return {};
}

Result<void> CrashRig::Restart() { return hub_.Serve(); }

Result<std::vector<std::string>> CrashRig::CheckJournal() const {
  NOROSHI_ASSIGN_OR_RETURN(const auto submissions, ReadSubmissions(hub_.data()));
  return ledger_.Check(submissions);
}

// Each alert of the hub stands at one position of each recipient's outbox, and
// came from there, once.
Result<void> CrashRig::CheckAlerts(std::vector<std::string>* findings) {
  for (const std::string& id : alerts_) {
    NOROSHI_ASSIGN_OR_RETURN(const json::value alert, hub_.Ask({"alert", "show", id}));
    NOROSHI_ASSIGN_OR_RETURN(const std::string id_bytes, FromHex(id));
    const json::array recipients = ArrayAt(alert, "/recipients");
    if (recipients.size() != submitters_.size()) {
      findings->push_back(fmt::format("alert {} has {} recipients", id, recipients.size()));
    }
    for (const json::value& recipient : recipients) {
      const std::string organization = TextAt(recipient, "/organization");
      const auto position = static_cast<uint64_t>(NumberAt(recipient, "/position"));
      if (ledger_.PositionsOf(organization, id_bytes) != std::vector<uint64_t>{position}) {
        findings->push_back(fmt::format("alert {} did not come to {} exactly once, at {}", id,
                                        organization, position));
      }
    }
  }
  return {};
}

Result<std::vector<std::string>> CrashRig::Finish() {
  for (auto& submitter : submitters_) submitter->HubIsUp(hub_.address(), 0);
  for (auto& submitter : submitters_) {
    if (submitter->Drain()) continue;
    return Error{ErrorCode::kTimeout,
                 fmt::format("{} did not get all its receipts ({}); found so far: {}",
                             submitter->organization(), submitter->last_error(),
                             fmt::join(ledger_.findings(), "; "))};
  }
  NOROSHI_ASSIGN_OR_RETURN(const json::value status, hub_.Settle());
  // The last alert comes after everything else in every outbox.
  NOROSHI_ASSIGN_OR_RETURN(ProposedAlert alert, ProposeAlert());
  NOROSHI_RETURN_IF_ERROR(Issue(std::move(alert)));
  NOROSHI_ASSIGN_OR_RETURN(const json::value last, hub_.Ask({"alert", "show", alerts_.back()}));
  for (const json::value& recipient : ArrayAt(last, "/recipients")) {
    for (auto& submitter : submitters_) {
      if (submitter->organization() != TextAt(recipient, "/organization")) continue;
      if (!submitter->WaitForPosition(static_cast<uint64_t>(NumberAt(recipient, "/position")))) {
        return Error{ErrorCode::kTimeout, "the last alert did not come"};
      }
    }
  }
  std::vector<std::string> findings;
  NOROSHI_RETURN_IF_ERROR(CheckAlerts(&findings));
  for (auto& submitter : submitters_) submitter->Stop();
  if (static_cast<size_t>(NumberAt(status, "/submissions")) != ledger_.submissions()) {
    findings.push_back(fmt::format("{} were sent, the hub counts {}", ledger_.submissions(),
                                   NumberAt(status, "/submissions")));
  }
  NOROSHI_RETURN_IF_ERROR(hub_.Stop());
  NOROSHI_ASSIGN_OR_RETURN(const auto in_journal, CheckJournal());
  findings.insert(findings.end(), in_journal.begin(), in_journal.end());
  NOROSHI_ASSIGN_OR_RETURN(const Output verified, hub_.Try({"verify"}));
  if (verified.status != 0) findings.push_back("verify: " + verified.out + verified.err);
  return findings;
}

}  // namespace noroshi::support
