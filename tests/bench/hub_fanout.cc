#include "tests/bench/hub_fanout.h"

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <future>

#include "common/tls/context.h"
#include "tests/bench/cpu.h"
#include "tests/support/waiting.h"

namespace noroshi::bench {
namespace {

namespace json = boost::json;
using Steady = std::chrono::steady_clock;

constexpr std::chrono::seconds kPatience{60};
// What an alert consists of beside its English text: id, kind, marking, titles,
// the Japanese text, two times, and the fields' tags.
constexpr size_t kAlertFrameBytes = 101;

json::object AlertRequest(uint64_t number) {
  std::string text = Stamp(number, Steady::now());
  text.resize(kAlertBytes - kAlertFrameBytes, '.');
  return {{"verb", "alert.issue"},
          {"kind", "warning"},
          {"tlp", "GREEN"},
          {"title_ja", "注意喚起の速さ"},
          {"title_en", "A warning's speed"},
          {"text_ja", "確認してください"},
          {"text_en", text},
          {"to", json::array{"all"}},
          {"acknowledge_within", "24h"}};
}

}  // namespace

Result<std::unique_ptr<HubFanout>> HubFanout::Start(const Options& options, size_t agents,
                                                    size_t agents_each) {
  std::unique_ptr<HubFanout> made(new HubFanout(options, agents));
  HubFanout* raw = made.get();
  NOROSHI_ASSIGN_OR_RETURN(made->hub_, HubProcess::Start(options.hub_binary, options.folder));
  const passwd* self = ::getpwuid(::geteuid());
  if (self == nullptr) return Error{ErrorCode::kInternal, "nobody runs this bench"};
  const auto proposer = made->hub_->SignIn("proposer", {"analyst"}, self->pw_name);
  if (!proposer.ok()) return proposer.error();
  for (size_t i = 0; i < kFanoutWindow; ++i) {
    NOROSHI_ASSIGN_OR_RETURN(auto approver,
                             made->hub_->SignIn("approver-" + std::to_string(i), {"approver"}));
    made->approvers_.push_back(std::move(approver));
  }
  SwarmOptions swarm_options;
  NOROSHI_ASSIGN_OR_RETURN(swarm_options.credentials,
                           made->hub_->Enrol(agents / agents_each, agents_each));
  swarm_options.address = made->hub_->address();
  swarm_options.alpn = tls::kAlpnAgent;
  NOROSHI_ASSIGN_OR_RETURN(made->swarm_, Swarm::Make(swarm_options));
  made->swarm_->set_handlers(
      {[raw](size_t number) {
         v1::AgentFrame hello;
         hello.mutable_hello()->set_software("noroshi-bench");
         hello.mutable_hello()->set_wants_deliveries(true);
         std::string bytes;
         wire::AppendFrame(hello, &bytes);
         raw->swarm_->Send(number, bytes);
       },
       [raw](size_t number, std::string_view bytes) { raw->OnBytes(number, bytes); }});
  for (size_t i = 0; i < agents; ++i) made->swarm_->Add();
  NOROSHI_RETURN_IF_ERROR(made->swarm_->Run([&] { return raw->greeted_ == agents; }, kPatience));
  return made;
}

void HubFanout::OnBytes(size_t number, std::string_view bytes) {
  wire::FrameDecoder& decoder = agents_[number].decoder;
  decoder.Append(bytes);
  while (true) {
    const auto frame = decoder.Next();
    if (!frame.ok()) return swarm_->Fail(frame.error());
    if (!frame->has_value()) return;
    if (!frame_.ParseFromArray((*frame)->data(), static_cast<int>((*frame)->size()))) {
      return swarm_->Fail({ErrorCode::kInvalid, "the hub sent an unreadable frame"});
    }
    if (frame_.has_welcome()) ++greeted_;
    if (frame_.has_deliveries()) OnDeliveries(number, frame_.deliveries());
    if (frame_.has_goodbye()) {
      return swarm_->Fail({ErrorCode::kClosed, frame_.goodbye().ShortDebugString()});
    }
  }
}

void HubFanout::OnDeliveries(size_t number, const v1::Deliveries& deliveries) {
  Agent& agent = agents_[number];
  for (const v1::Delivery& delivery : deliveries.deliveries()) {
    if (delivery.position() != agent.position + 1 || !book_.Note(delivery.alert())) {
      return swarm_->Fail({ErrorCode::kInternal, "not the next alert: " + delivery.DebugString()});
    }
    agent.position = delivery.position();
  }
  v1::AgentFrame answer;
  answer.mutable_delivery_ack()->set_position(agent.position);
  std::string bytes;
  wire::AppendFrame(answer, &bytes);
  swarm_->Send(number, bytes);
}

Result<void> HubFanout::IssueOne(uint64_t number, support::ApiClient& approver) {
  NOROSHI_ASSIGN_OR_RETURN(const json::object proposal, hub_->Call(AlertRequest(number)));
  const std::string id(proposal.at("proposal_id").as_string());
  NOROSHI_ASSIGN_OR_RETURN(
      const auto decided,
      approver.Call("POST", "/proposals/" + id + "/decision", json::object{{"approved", true}}));
  return decided.status == 200 ? Result<void>() : support::ApiRefused("approve alert", decided);
}

Result<void> HubFanout::Issue(support::ApiClient& approver) {
  while (issuing_) {
    const uint64_t number = book_.Issue();
    const auto issued = IssueOne(number, approver);
    if (!issued.ok()) {
      issuing_ = false;
      return issued.error();
    }
    book_.WaitFor(number, kPatience);
  }
  return {};
}

Result<void> HubFanout::WaitDurable() {
  support::Wake wake;
  wake.ask = true;
  wake.timeout = kSettleTimeout;
  Result<json::object> status = Error{ErrorCode::kUnavailable, "never asked"};
  NOROSHI_RETURN_IF_ERROR(support::WaitUntil("every cursor to be durable", wake, [&] {
    status = hub_->Status();
    return !status.ok() || NumberOf(*status, "pending_cursors") == 0;
  }));
  if (!status.ok()) return status.error();
  const auto settled = hub_->Settle();
  if (!settled.ok()) return settled.error();
  return {};
}

Result<Figures> HubFanout::Round() {
  NOROSHI_RETURN_IF_ERROR(WaitQuiet(hub_->pid()));
  NOROSHI_ASSIGN_OR_RETURN(const ServerCpu before, ReadServerCpu(hub_->pid()));
  const double client_before = ThreadCpuSeconds();
  book_.Begin();
  const auto start = Steady::now();
  issuing_ = true;
  std::vector<std::future<Result<void>>> issuers;
  for (const auto& approver : approvers_) {
    issuers.push_back(
        std::async(std::launch::async, [this, &approver] { return Issue(*approver); }));
  }
  const auto ran = swarm_->Run(
      [&] {
        if (Steady::now() - start >= options_.round) issuing_ = false;
        return !issuing_ && book_.all_arrived();
      },
      options_.round + kPatience);
  issuing_ = false;
  for (auto& issuer : issuers) NOROSHI_RETURN_IF_ERROR(issuer.get());
  NOROSHI_RETURN_IF_ERROR(ran);
  const double client_cpu = ThreadCpuSeconds() - client_before;
  NOROSHI_RETURN_IF_ERROR(WaitDurable());
  const double settled = std::chrono::duration<double>(Steady::now() - start).count();
  NOROSHI_RETURN_IF_ERROR(WaitQuiet(hub_->pid()));
  NOROSHI_ASSIGN_OR_RETURN(const ServerCpu after, ReadServerCpu(hub_->pid()));
  Figures figures = book_.figures();
  const double deliveries = figures["deliveries"];
  figures["settled_per_s"] = deliveries / settled;
  figures["client_cpu_us"] = client_cpu * 1e6 / deliveries;
  const ServerCpu cpu = Difference(before, after);
  figures["cpu_us"] = cpu.seconds * 1e6 / deliveries;
  for (const auto& [name, seconds] : cpu.threads) {
    if (seconds > 0) figures["thread_cpu_us:" + name] = seconds * 1e6 / deliveries;
  }
  return figures;
}

Result<void> HubFanout::Finish() {
  NOROSHI_ASSIGN_OR_RETURN(const json::object answer, hub_->Call({{"verb", "agent.list"}}));
  for (const json::value& agent : answer.at("agents").as_array()) {
    if (NumberOf(agent.as_object(), "cursor") != book_.issued()) {
      return Error{ErrorCode::kInternal, fmt::format("{} alerts were acknowledged, but: {}",
                                                     book_.issued(), json::serialize(agent))};
    }
  }
  NOROSHI_RETURN_IF_ERROR(hub_->Verify(0));
  return hub_->Stop();
}

}  // namespace noroshi::bench
