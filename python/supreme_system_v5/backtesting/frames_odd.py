"""The lines that the cutter leaves: read as the exchange reads a recording, decoded as a daemon decodes its frames."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from supreme_system_v5.adapters.exchange.market.recording import SESSION_STREAM, Line, RecordedMarket, parse_line
from supreme_system_v5.adapters.exchange.market.sim_market import RAW_TRADE, stream_kind
from supreme_system_v5.backtesting.frames_cut import KIND_UNUSED
from supreme_system_v5.core.domain.errors import ConfigError, FrameError
from supreme_system_v5.core.domain.events import Event, Trade
from supreme_system_v5.core.domain.money import parse_e8
from supreme_system_v5.core.wire.binance_decode import FrameDecoder


class OddLines:
    """``rejected`` counts the frames a daemon would have rejected, by reason."""

    def __init__(
        self,
        market: RecordedMarket,
        venue_symbol: str,
        kinds: frozenset[str],
        decoder: FrameDecoder,
        place_of: Callable[[int], tuple[Path, int]],
    ) -> None:
        self.rejected: dict[str, int] = {}
        self._market = market
        self._agg_stream = f"{venue_symbol.lower()}@aggTrade"
        self._depth_stream = f"{venue_symbol.lower()}@depth@100ms"
        self._kinds = kinds
        self._decoder = decoder
        self._place_of = place_of

    def read(self, raw: bytes, number: int) -> Event | None:
        """The event of a line; a Trade with ``received_ns`` -1 is a raw one, to be folded. None for the REST snapshot,
        and for what a recorded session says of itself.

        Raises ConfigError when the line is no frame.
        """
        path, line_number = self._place_of(number)
        line = parse_line(raw, path, line_number)
        if not line.stream:
            return self._without_stream(line, path, line_number)
        if line.stream == SESSION_STREAM:
            return None
        kind = stream_kind(line.stream)
        if kind == RAW_TRADE:
            return self._raw_trade(line, path, line_number)
        if kind not in self._kinds:
            return Event(KIND_UNUSED, line.recv_ns)
        stream = self._depth_stream if kind == "depth" else line.stream
        return self._decode(stream, line.payload, line.recv_ns)

    def close(self, trade: Trade, first_id: int, last_id: int) -> Event:
        """What a daemon makes of an aggTrade with an odd trade in it."""
        payload = self._market.encoder.agg_trade(
            int(trade.event_time_ms),
            int(trade.trade_time_ms),
            int(trade.trade_id),
            int(trade.price_e8),
            int(trade.quantity_e8),
            first_id,
            last_id,
            trade.is_buyer_maker,
        )
        return self._decode(self._agg_stream, payload, int(trade.time_ns))

    def _decode(self, stream: str, payload: bytes, time_ns: int) -> Event:
        raw = b'{"stream":"%b","data":%b,"x_time_ns":%d}' % (stream.encode(), payload, time_ns)
        try:
            return self._decoder.decode(raw, 0)
        except FrameError as error:
            self.rejected[error.reason] = self.rejected.get(error.reason, 0) + 1
            return Event(KIND_UNUSED, time_ns)

    @staticmethod
    def _without_stream(line: Line, path: Path, number: int) -> None:
        if b'"lastUpdateId"' not in line.payload:
            raise ConfigError(
                f"{path}: line {number} names no stream and is no depth snapshot",
                'record combined streams: a frame is {"stream":"...","data":{...}}',
            )

    @staticmethod
    def _raw_trade(line: Line, path: Path, number: int) -> Trade:
        try:
            data = msgspec.json.decode(line.payload)
            event_ms, trade_ms, trade_id = (int(data[key]) for key in ("E", "T", "t"))
            price_e8, quantity_e8 = parse_e8(data["p"]), parse_e8(data["q"])
            trade = Trade(line.recv_ns, event_ms, trade_ms, trade_id, price_e8, quantity_e8, bool(data["m"]))
        except (msgspec.DecodeError, KeyError, TypeError, ValueError, OverflowError) as error:
            raise ConfigError(
                f"{path}: line {number} is no trade: {error}", "record the file again or name another one"
            ) from None
        trade.received_ns = -1
        return trade
