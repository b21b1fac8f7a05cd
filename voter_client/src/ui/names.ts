// Who stands, one's place, what was recorded: loaded where somebody looks.

import type { Screens } from "./groups";
import { CandidatesScreen, PlaceScreen, RecordScreen } from "./screens/informing";

export const SCREENS: Screens = { candidates: CandidatesScreen, place: PlaceScreen, record: RecordScreen };
