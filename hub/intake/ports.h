// What intake needs from the rest of the hub, as narrow interfaces: intake knows
// nothing of engine, state or fan-out. hub/app connects them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/tls/certificate.h"
#include "noroshi/v1/agent.pb.h"
#include "noroshi/v1/sharing.pb.h"

namespace noroshi::intake {

// Whether a certificate's bearer may act now. Threads: thread-safe, never blocks on disk.
class Directory {
 public:
  virtual ~Directory() = default;
  // kDenied with a stable word first in the message ("unknown_agent: …",
  // "revoked: …", "disabled: …", "superseded: …"). Called at every handshake
  // (resumed ones too) and for every batch of submissions.
  virtual Result<void> MayAct(const tls::Identity& identity, const std::string& serial) const = 0;
};

// Issues certificates. Threads: thread-safe; done may be called on any thread.
class Registrar {
 public:
  virtual ~Registrar() = default;
  using Done = std::function<void(Result<v1::Certificate>)>;
  virtual void Enroll(const std::string& token_secret, const std::string& csr_der, Done done) = 0;
  virtual void Renew(const tls::Identity& identity, const std::string& serial,
                     const std::string& csr_der, Done done) = 0;
};

// A source of one organisation's deliveries for one connected agent.
// Threads: thread-safe; never blocks for long (reads are from memory or a warm store).
class DeliveryFeed {
 public:
  virtual ~DeliveryFeed() = default;

  // Registers a live agent. `wake` is called, from any thread, whenever there may
  // be more to send; it must be cheap. The handle's destruction unregisters.
  class Subscription {
   public:
    virtual ~Subscription() = default;
    struct Batch {
      // Serialised v1::Delivery messages, of the positions after the one asked
      // for, without a gap.
      std::vector<std::string> deliveries;
      bool more = false;  // Ask again; if not, `wake` will say when to.
    };
    // Next deliveries after `position`, at most max_items and max_bytes (at least
    // one item if there is any).
    virtual Result<Batch> After(uint64_t position, size_t max_items, size_t max_bytes) = 0;
    // Where to resume: the agent's own durable position if it belongs to this
    // log, else the hub's durable cursor.
    virtual uint64_t start_position() const = 0;
    // The agent has everything up to here on its disk. Becomes durable soon.
    virtual void Acknowledge(uint64_t position) = 0;
  };
  virtual std::unique_ptr<Subscription> Subscribe(const tls::Identity& identity,
                                                  const v1::Hello& hello,
                                                  std::function<void()> wake) = 0;

  // An agent says that its organisation has read or acted on an alert. done may
  // be called on any thread. kDenied if the organisation never got the alert.
  virtual void Mark(const tls::Identity& identity, const v1::MarkAlert& mark,
                    std::function<void(Result<void>)> done) = 0;

  // An agent answers a question of the centre. done may be called on any thread, once
  // the answer is durable and counts. kDenied if its organisation was never asked,
  // kConflict if another answer was first or none is wanted any more.
  virtual void Answer(const tls::Identity& identity, const v1::AnswerQuestion& answer,
                      std::function<void(Result<void>)> done) = 0;
};

}  // namespace noroshi::intake
