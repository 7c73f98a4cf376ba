#include "hub/app/registrar.h"

#include <pthread.h>

#include <future>
#include <utility>

#include "common/base/encoding.h"
#include "common/crypto/crypto.h"
#include "common/log/log.h"

namespace noroshi::app {
namespace {

// Each begins with the word that agents, counters and the log know it by (docs/protocol.md).
const Error kStopping{ErrorCode::kUnavailable, "unavailable: the hub is stopping; try again later"};

// Durable sequence of the entry, or why not.
Result<uint64_t> AppendAndWait(journal::Journal* journal, journal::Draft draft) {
  auto answer = std::make_shared<std::promise<Result<journal::Acceptance>>>();
  auto future = answer->get_future();
  journal->Append(std::move(draft), [answer](Result<journal::Acceptance> acceptance) {
    answer->set_value(std::move(acceptance));
  });
  if (future.wait_for(std::chrono::milliseconds(kRegistrationTimeoutMs)) !=
      std::future_status::ready) {
    return Error{ErrorCode::kTimeout, "the journal has not answered; try again later"};
  }
  const auto acceptance = future.get();
  if (!acceptance.ok()) return acceptance.error();
  return acceptance->sequence;
}

}  // namespace

Registrar::Registrar(Parts parts) : parts_(parts), thread_([this] { Run(); }) {
  pthread_setname_np(thread_.native_handle(), "registrar");
}

Registrar::~Registrar() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    changed_.notify_all();
  }
  thread_.join();
  for (auto& job : jobs_) job.done(kStopping);
}

void Registrar::Post(Job job) {
  job.deadline = parts_.clock->Steady() + std::chrono::milliseconds(kRegistrationPatienceMs);
  std::unique_lock lock(mutex_);
  if (!stop_ && jobs_.size() < kRegistrationsWaitingMax) {
    jobs_.push_back(std::move(job));
    changed_.notify_all();
    return;
  }
  const Error refusal =
      stop_ ? kStopping
            : Error{ErrorCode::kOverloaded, "overloaded: too many enrolments; try again later"};
  lock.unlock();
  job.done(refusal);
}

void Registrar::Run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stop_ || !jobs_.empty(); });
    if (stop_) return;
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    job.done(job.work(job.deadline));
    lock.lock();
  }
}

void Registrar::Enroll(const std::string& token_secret, const std::string& csr_der, Done done) {
  const auto work = [this, token_secret, csr_der](Deadline deadline) {
    return DoEnroll(token_secret, csr_der, deadline);
  };
  Post({work, std::move(done)});
}

void Registrar::Renew(const tls::Identity& identity, const std::string& serial,
                      const std::string& csr_der, Done done) {
  const auto work = [this, identity, serial,
                     csr_der](Deadline deadline) -> Result<v1::Certificate> {
    NOROSHI_ASSIGN_OR_RETURN(
        const auto agent, parts_.store->Snapshot()->Agent(identity.organization, identity.agent));
    // The one that asked for the newest may renew too: the newest may have been lost on its way.
    if (!agent.has_value() || agent->revoked() ||
        (agent->serial() != serial && agent->previous_serial() != serial)) {
      return Error{
          ErrorCode::kDenied,
          "may_not_renew: not the newest certificate nor the one that asked for it; enrol again "
          "with a new token"};
    }
    // Every renewal makes all sessions look who may still act.
    const int64_t since_ms = parts_.clock->NowMs() - agent->certified_at_ms();
    if (since_ms >= 0 && since_ms < kRenewalIntervalMs) {
      return Error{ErrorCode::kDenied, "too_soon: renewed within the last minute; try again later"};
    }
    v1::AgentCertified certified;
    certified.set_organization(identity.organization);
    certified.set_agent(identity.agent);
    certified.set_asked_with_serial(serial);
    return Certify(std::move(certified), csr_der, deadline);
  };
  Post({work, std::move(done)});
}

Result<v1::Certificate> Registrar::DoEnroll(const std::string& token_secret,
                                            const std::string& csr_der, Deadline deadline) {
  const std::string hash = Sha256Of(token_secret);
  NOROSHI_ASSIGN_OR_RETURN(const auto token, parts_.store->Snapshot()->Token(hash));
  if (!token.has_value()) {
    return Error{ErrorCode::kDenied,
                 "bad_token: unknown, or used before; ask the centre for a new one"};
  }
  if (token->expires_at_ms() <= parts_.clock->NowMs()) {
    return Error{ErrorCode::kDenied, "bad_token: expired; ask the centre for a new one"};
  }
  v1::AgentCertified certified;
  certified.set_organization(token->organization());
  certified.set_agent(token->agent());
  certified.set_token_sha256(hash);
  return Certify(std::move(certified), csr_der, deadline);
}

Result<void> Registrar::CatchUp(Deadline deadline) const {
  const uint64_t size = parts_.journal->size();
  const auto left = [&] {
    return std::chrono::duration_cast<std::chrono::milliseconds>(deadline - parts_.clock->Steady())
        .count();
  };
  if (size > 0 && left() > 0) {
    NOROSHI_RETURN_IF_ERROR(parts_.runner->WaitApplied(size - 1, left()));
  }
  if (left() > 0) return {};
  return Error{ErrorCode::kTimeout, "the agent no longer waits; try again later"};
}

Result<v1::Certificate> Registrar::Certify(v1::AgentCertified certified, const std::string& csr_der,
                                           Deadline deadline) {
  const tls::Identity identity{certified.organization(), certified.agent()};
  const auto issued = parts_.authority->IssueAgent(identity, csr_der);
  if (!issued.ok()) return issued.error().Prefixed("bad_request");
  // The entry uses the token up: an engine that is far behind would not say so in time, and
  // the agent would have neither.
  const auto caught_up = CatchUp(deadline);
  if (!caught_up.ok()) return caught_up.error().Prefixed("unavailable");
  certified.set_serial(issued->serial);
  certified.set_certificate_sha256(issued->sha256);
  certified.set_not_after_ms(issued->not_after_ms);
  journal::Draft draft;
  draft.kind = v1::ENTRY_KIND_AGENT_CERTIFIED;
  draft.organization = identity.organization;
  draft.agent = identity.agent;
  draft.body = certified.SerializeAsString();
  NOROSHI_ASSIGN_OR_RETURN(const uint64_t sequence,
                           AppendAndWait(parts_.journal, std::move(draft)));
  const auto applied = parts_.runner->WaitApplied(sequence, kRegistrationTimeoutMs);
  if (!applied.ok()) return applied.error().Prefixed("unavailable");
  // The engine takes a token once, in the order of the journal.
  NOROSHI_ASSIGN_OR_RETURN(const auto agent,
                           parts_.store->Snapshot()->Agent(identity.organization, identity.agent));
  if (!agent.has_value() || agent->serial() != issued->serial) {
    return Error{ErrorCode::kDenied,
                 "bad_token: somebody else used it first; ask the centre for a new one"};
  }
  Log(Level::kInfo, certified.token_sha256().empty() ? "agent_renewed" : "agent_enrolled",
      {{"organization", identity.organization},
       {"agent", identity.agent},
       {"serial", ToHex(issued->serial)}});
  v1::Certificate certificate;
  certificate.add_chain_der(issued->der);
  certificate.add_chain_der(parts_.authority->ca_der());
  certificate.set_organization(identity.organization);
  certificate.set_agent(identity.agent);
  certificate.set_log_public_key(parts_.journal->log_public_key());
  certificate.set_log_id(parts_.journal->log_id());
  return certificate;
}

}  // namespace noroshi::app
