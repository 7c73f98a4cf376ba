#include "hub/app/feed.h"

namespace noroshi::app {
namespace {

class FeedSubscription final : public intake::DeliveryFeed::Subscription {
 public:
  explicit FeedSubscription(std::unique_ptr<fanout::Subscription> inner)
      : inner_(std::move(inner)) {}

  Result<Batch> After(uint64_t position, size_t max_items, size_t max_bytes) override {
    auto batch = inner_->After(position, max_items, max_bytes);
    if (!batch.ok()) return batch.error();
    return Batch{std::move(batch->deliveries), batch->more};
  }
  uint64_t start_position() const override { return inner_->start_position(); }
  void Acknowledge(uint64_t position) override { inner_->Acknowledge(position); }

 private:
  const std::unique_ptr<fanout::Subscription> inner_;
};

}  // namespace

std::unique_ptr<intake::DeliveryFeed::Subscription> Feed::Subscribe(const tls::Identity& identity,
                                                                    const v1::Hello& hello,
                                                                    std::function<void()> wake) {
  fanout::SubscribeRequest request;
  request.organization = identity.organization;
  request.agent = identity.agent;
  request.log_id = hello.delivery_log_id();
  request.position = hello.delivery_position();
  return std::make_unique<FeedSubscription>(fanout_.Subscribe(request, std::move(wake)));
}

void Feed::Mark(const tls::Identity& identity, const v1::MarkAlert& mark,
                std::function<void(Result<void>)> done) {
  fanout_.Mark(identity.organization, identity.agent, mark, std::move(done));
}

void Feed::Answer(const tls::Identity& identity, const v1::AnswerQuestion& answer,
                  std::function<void(Result<void>)> done) {
  fanout_.Answer(identity.organization, identity.agent, answer, std::move(done));
}

}  // namespace noroshi::app
