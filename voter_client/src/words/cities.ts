// Cities whose time a voter may want to see, by name. The deadline is one instant; only its writing differs.

import type { Key } from "./words";

export const HOME = "Asia/Bishkek";

export const CITIES: readonly (readonly [zone: string, name: Key])[] = [
  ["Europe/Moscow", "city.moscow"],
  ["Asia/Yekaterinburg", "city.yekaterinburg"],
  ["Asia/Novosibirsk", "city.novosibirsk"],
  ["Asia/Almaty", "city.almaty"],
  ["Europe/Istanbul", "city.istanbul"],
  ["Asia/Dubai", "city.dubai"],
  ["Asia/Seoul", "city.seoul"],
  ["Europe/Berlin", "city.berlin"],
  ["Europe/London", "city.london"],
  ["America/New_York", "city.new-york"],
  ["America/Chicago", "city.chicago"],
];
