// Intake: the hub's door for agents. It listens, checks who comes, bounds what
// they do, hands submissions to the journal and answers. It never analyses.
// The conversation is specified in docs/protocol.md.
//
// All sessions run on one thread of its own, "intake". Nothing there waits for
// a disk or another agent: the journal and the registrar answer through
// mailboxes, output queues and memory are bounded (hub/intake/options.h), and a
// session that cannot keep up is ended, not waited for.
//
// Threads: every member function is thread-safe, but Start and Stop are for one
// owner. Lifetime: everything given to Make outlives Intake; the journal may
// still answer after Intake is gone.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "common/base/result.h"
#include "common/runtime/clock.h"
#include "common/runtime/random.h"
#include "hub/intake/options.h"
#include "hub/intake/ports.h"
#include "hub/intake/stats.h"
#include "hub/journal/journal.h"

namespace noroshi::intake {

class Intake {
 public:
  // Binds and listens; nobody is accepted before Start. kInvalid: the address
  // is not one; kConflict: it is in use; kDenied: the port is not allowed.
  static Result<std::unique_ptr<Intake>> Make(const IntakeOptions& options,
                                              journal::Journal& journal, Directory& directory,
                                              Registrar& registrar, DeliveryFeed& feed,
                                              const Clock& clock);
  ~Intake();  // Stops.

  void Start();
  // Says Goodbye to all, waits for them at most Limits::stop_grace, joins the
  // thread. Idempotent.
  void Stop();

  // "127.0.0.1:8443": where it listens, with the port that was free.
  const std::string& address() const;
  Stats stats() const;

  // Ends the live sessions that may no longer act (kDenied, see Directory), with Goodbye and
  // the word that says why. Returns before they are gone; nothing of theirs is accepted once
  // the Directory says no.
  void CutSessions(std::function<Result<void>(const tls::Identity&)> may_act);

  // The engine has applied all entries before `next`: see hub/intake/lag.h.
  void OnApplied(uint64_t next);

 private:
  struct Impl;
  explicit Intake(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace noroshi::intake
