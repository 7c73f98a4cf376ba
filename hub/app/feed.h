// Feed: fan-out as intake wants to see it.
//
// Threads: thread-safe. Lifetime: the Fanout outlives it and its subscriptions.
#pragma once

#include <functional>
#include <memory>

#include "hub/fanout/fanout.h"
#include "hub/intake/ports.h"

namespace noroshi::app {

class Feed final : public intake::DeliveryFeed {
 public:
  explicit Feed(fanout::Fanout& fanout) : fanout_(fanout) {}

  std::unique_ptr<Subscription> Subscribe(const tls::Identity& identity, const v1::Hello& hello,
                                          std::function<void()> wake) override;
  void Mark(const tls::Identity& identity, const v1::MarkAlert& mark,
            std::function<void(Result<void>)> done) override;
  void Answer(const tls::Identity& identity, const v1::AnswerQuestion& answer,
              std::function<void(Result<void>)> done) override;

 private:
  fanout::Fanout& fanout_;
};

}  // namespace noroshi::app
