#include "tests/bench/floor_ingest.h"

#include "common/base/encoding.h"
#include "tests/bench/closed_loop.h"

namespace noroshi::bench {
namespace {

constexpr size_t kAnswerBytes = 4;

}  // namespace

struct FloorIngest::Client {
  Client(size_t connections, size_t in_flight, size_t record_bytes)
      : loop(connections, in_flight,
             [this](size_t number, size_t count) {
               for (; count > 0; --count) swarm->Send(number, frame);
             }),
        answer_bytes(connections) {
    AppendBigEndian32(static_cast<uint32_t>(record_bytes), &frame);
    frame.append(record_bytes, 'x');
  }

  void OnBytes(size_t number, std::string_view bytes) {
    size_t& waiting = answer_bytes[number];
    for (waiting += bytes.size(); waiting >= kAnswerBytes; waiting -= kAnswerBytes) {
      if (!loop.Answered(number)) {
        return swarm->Fail({ErrorCode::kInternal, "the floor answered what nobody sent"});
      }
    }
    loop.TopUp(number);
  }

  std::unique_ptr<Swarm> swarm;
  ClosedLoop loop;
  std::vector<size_t> answer_bytes;  // By connection, of answers that are not whole.
  std::string frame;
};

FloorIngest::FloorIngest(const Options& options) : options_(options) {}
FloorIngest::~FloorIngest() = default;

Result<std::unique_ptr<FloorIngest>> FloorIngest::Start(const Options& options, size_t connections,
                                                        size_t in_flight, size_t record_bytes) {
  std::unique_ptr<FloorIngest> made(new FloorIngest(options));
  NOROSHI_ASSIGN_OR_RETURN(made->server_, FloorServer::Start(options.folder + "/floor"));
  made->client_ = std::make_unique<Client>(connections, in_flight, record_bytes);
  Client* client = made->client_.get();
  NOROSHI_ASSIGN_OR_RETURN(client->swarm, Swarm::Make(made->server_->ClientOptions()));
  client->swarm->set_handlers({nullptr, [client](size_t number, std::string_view bytes) {
                                 client->OnBytes(number, bytes);
                               }});
  for (size_t i = 0; i < connections; ++i) client->swarm->Add();
  NOROSHI_RETURN_IF_ERROR(client->swarm->RunUntilOpen());
  return made;
}

Result<Figures> FloorIngest::Round() {
  return client_->loop.Round(client_->swarm.get(), server_->pid(), options_.round);
}

}  // namespace noroshi::bench
