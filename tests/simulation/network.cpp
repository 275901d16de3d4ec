#include "network.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "process.hpp"

namespace cordon::simulation {
namespace {

using namespace std::chrono_literals;

constexpr nanoseconds kExchangeTimeout = 120s;  // as the transport in the field has it
constexpr std::string_view kMarker = "[cordon:";
constexpr std::string_view kWish = "wish-";

/// The part of a URL behind its origin.
std::string target_of(const std::string &url) {
  const std::size_t host = url.find("://");
  const std::size_t path = url.find('/', host == std::string::npos ? 0 : host + 3);
  return path == std::string::npos ? "/" : url.substr(path);
}

/// Which request an acting POST belongs to, as its comment tells.
void read_comment(Network::Flight &flight) {
  const std::string &body = flight.request.body;
  const std::size_t mark = body.find(kMarker);
  const std::size_t wish = body.find(kWish);
  if (wish == std::string::npos) return;
  flight.wish = static_cast<int>(std::strtol(body.c_str() + wish + kWish.size(), nullptr, 10));
  if (mark != std::string::npos) flight.marker = body.substr(mark, body.find(']', mark) - mark + 1);
}

/// Tells the network when nobody waits for the answer any more, however the waiting ends.
class Listening {
 public:
  explicit Listening(std::shared_ptr<Network::Flight> flight) : flight_(std::move(flight)) {}
  ~Listening() { flight_->closed = true; }
  Listening(const Listening &) = delete;
  Listening &operator=(const Listening &) = delete;

 private:
  std::shared_ptr<Network::Flight> flight_;
};

std::shared_ptr<Network::Flight> pack(const http::Request &request, Process &process) {
  auto flight = std::make_shared<Network::Flight>(process.scheduler());
  flight->posts = request.method == http::Method::Post;
  flight->sender = process.weak_from_this();
  emulator::Request &out = flight->request;
  out.method = flight->posts ? "POST" : "GET";
  out.target = target_of(request.url);
  out.content_type = request.content_type;
  out.body = request.secret_body != nullptr ? std::string(request.secret_body->reveal()) : request.body;
  if (request.bearer != nullptr) out.authorization = "Bearer " + std::string(request.bearer->reveal());
  if (flight->posts) read_comment(*flight);
  return flight;
}

bool owns(const std::deque<emulator::MachineAction> &book, const emulator::MachineAction *wanted) {
  return std::any_of(book.begin(), book.end(), [&](const auto &action) { return &action == wanted; });
}

http::Response response_of(const http::Request &request, emulator::Reply &&reply) {
  http::Response response;
  response.status = reply.status;
  response.headers = std::move(reply.headers);
  response.headers.emplace_back("Content-Type", reply.content_type);
  if (request.secret_response)
    response.secret_body = Secret(reply.body);
  else
    response.body = std::move(reply.body);
  return response;
}

}  // namespace

Network::Weather Network::weather() {
  Weather weather;
  weather.connecting = chance_.chance(0.7) ? 0ns : chance_.between(1ms, 60ms);
  weather.there = chance_.between(2ms, 60ms);
  weather.back = chance_.between(2ms, 120ms);
  const bool due = owed_ > 0 && chance_.chance(0.5);
  if (!due && !chance_.chance(trouble_)) return weather;
  if (due) --owed_;
  ++faults_;
  switch (chance_.below(9)) {
    case 0:
      weather.refused = true;
      break;
    case 1:
      weather.connecting = chance_.between(1s, 9s);
      break;
    case 2:
      weather.lost = true;
      break;
    case 3:
    case 4:
      weather.reset = true;
      break;
    case 5:
      weather.truncated = true;
      break;
    case 6:
      weather.throttled = true;
      break;
    case 7:
      weather.there = chance_.between(100ms, 3s);
      break;
    default:
      weather.back = chance_.between(1s, 70s);
      break;
  }
  return weather;
}

void Network::depart(const std::shared_ptr<Flight> &flight, const Weather &weather) {
  if (weather.lost) return;
  timeline_.in(weather.there, [this, flight, weather] { arrive(flight, weather); });
}

void Network::arrive(const std::shared_ptr<Flight> &flight, const Weather &weather) {
  emulator::Reply reply;
  if (weather.throttled) {
    reply = {.status = 429, .headers = {{"Retry-After", std::to_string(1 + chance_.below(20))}}, .body = ""};
    reply.headers.emplace_back("Date", service_.now().http_date());
  } else {
    reply = handle(*flight);
  }
  trace_.line("service: {} {} {} -> {}{}", flight->request.method, flight->request.target.substr(0, 110),
              flight->marker, reply.status, weather.reset ? ", the answer is lost" : "");
  const std::shared_ptr<Process> sender = flight->sender.lock();
  if (sender && sender->reached(Point::AnswerProduced)) return;
  if (flight->closed) return;
  if (weather.truncated) reply.body.resize(reply.body.size() / 2);
  if (!weather.reset && !reply.dropped()) flight->reply = std::move(reply);
  timeline_.in(weather.back + (flight->reply ? flight->reply->pause_midway : 0ms), [this, flight] { deliver(flight); });
}

emulator::Reply Network::handle(const Flight &flight) {
  if (flight.wish < 0) {
    const bool api = flight.request.target.starts_with("/api/");
    emulator::Reply reply = service_.handle(flight.request);
    if (api && reply.status == 429) witness_.throttled(flight.request.method + " " + flight.request.target);
    return reply;
  }
  const std::vector<std::size_t> before = sizes();
  const emulator::MachineAction *cancelled = to_be_cancelled(flight.request.target);
  const bool was_cancelled = cancelled != nullptr && cancelled->cancel_requested.is_set();
  emulator::Reply reply = service_.handle(flight.request);
  if (reply.status == 429) witness_.throttled(flight.request.target);
  int number = 0;
  for (const emulator::TenantRecord &tenant : service_.directory().tenants) {
    const auto &all = service_.book(tenant.tenant_id).all();
    if (all.size() > before[static_cast<std::size_t>(number)])
      witness_.applied(flight.marker, flight.wish, number, &all.back());
    else if (cancelled != nullptr && !was_cancelled && cancelled->cancel_requested.is_set() && owns(all, cancelled))
      witness_.applied(flight.marker, flight.wish, number, nullptr);
    ++number;
  }
  return reply;
}

std::vector<std::size_t> Network::sizes() const {
  std::vector<std::size_t> sizes;
  for (const emulator::TenantRecord &tenant : service_.directory().tenants)
    sizes.push_back(service_.book(tenant.tenant_id).all().size());
  return sizes;
}

/// The action that this target cancels; nullptr: none.
const emulator::MachineAction *Network::to_be_cancelled(const std::string &target) const {
  constexpr std::string_view kActions = "/api/machineactions/";
  if (!target.starts_with(kActions) || !target.ends_with("/cancel")) return nullptr;
  const std::string id = target.substr(kActions.size(), 36);
  for (const emulator::TenantRecord &tenant : service_.directory().tenants)
    for (const emulator::MachineAction &action : service_.book(tenant.tenant_id).all())
      if (action.id == id) return &action;
  return nullptr;
}

void Network::deliver(const std::shared_ptr<Flight> &flight) {
  const std::shared_ptr<Process> sender = flight->sender.lock();
  if (!sender || flight->closed) return;
  if (sender->reached(Point::AnswerDelivered)) return;
  flight->over.notify_all();
  sender->wake();
}

loop::Task<http::Exchange> Wire::send(const http::Request &request, loop::Scope &scope) {
  loop::Scheduler &scheduler = process_.scheduler();
  loop::Scope for_ever(scheduler);
  loop::Event never(scheduler);
  http::Exchange exchange;
  if (process_.reached(Point::SendBegin)) (void)co_await never.wait(for_ever);
  const Network::Weather weather = network_.weather();
  process_.connects();
  Result<void> connected = co_await loop::sleep_until(scheduler.now() + weather.connecting, scope);
  exchange.ended = scheduler.now();
  if (!connected || scope.reason()) {
    exchange.error = scope.error("connecting to the service");
    co_return exchange;
  }
  if (weather.refused) {
    exchange.error = Error(Status::Network, "connection refused").retry();
    co_return exchange;
  }
  if (process_.dead()) (void)co_await never.wait(for_ever);
  if (request.departing) request.departing();
  exchange.sent = true;
  const std::shared_ptr<Network::Flight> flight = pack(request, process_);
  const Listening listening(flight);
  if (flight->wish >= 0) {
    const bool cancel = flight->request.target.ends_with("/cancel");
    process_.trace("POST {} {} leaves", flight->request.target, flight->marker);
    witness_.post_left(flight->marker, flight->wish, cancel);
  }
  network_.depart(flight, weather);
  if (process_.reached(Point::BytesSent)) (void)co_await never.wait(for_ever);
  loop::Scope patience(scheduler, scheduler.now() + kExchangeTimeout, &scope);
  Result<void> over = co_await flight->over.wait(patience);
  exchange.ended = scheduler.now();
  if (!over && scope.reason())
    exchange.error = scope.error("waiting for the service's answer");
  else if (!over)
    exchange.error = Error(Status::Network, "the service did not answer in time").retry();
  else if (!flight->reply)
    exchange.error = Error(Status::Network, "the connection was closed before the answer was complete").retry();
  else
    exchange.response = response_of(request, std::move(*flight->reply));
  if (!exchange.response)
    process_.trace("no answer to {} {}: {}", flight->request.method, flight->request.target.substr(0, 60),
                   exchange.error.message);
  else if (weather.truncated)
    process_.trace("half an answer to {} {}", flight->request.method, flight->request.target.substr(0, 60));
  co_return exchange;
}

}  // namespace cordon::simulation
