"""How hard the synthetic corpus is: every amplitude, rate and share in one place.

Amplitudes are microvolts (peak of a wave, unless a comment says rms), before the electrodes' own noise.
Artefacts exceed seizures in power on purpose: a detector must look at the wave's form and its evolution.
"""

from dataclasses import dataclass

Range = tuple[float, float]  # drawn evenly between the two


@dataclass(frozen=True, slots=True)
class Difficulty:
    # background
    pink_rms_uv: Range = (8.0, 14.0)
    pink_slope: Range = (0.9, 1.5)  # power falls as 1 / f^slope; individual
    correlation_length: float = 0.55  # of the background over the head, in head radii
    sensor_noise_rms_uv: float = 1.0
    alpha_peak_hz: Range = (8.3, 11.5)  # individual
    alpha_rms_uv: Range = (10.0, 34.0)  # over the occiput, eyes closed
    drowsy_share: float = 0.4  # recordings with slow waves as in sleep
    slow_rms_uv: Range = (15.0, 40.0)  # those slow waves, 0.7 to 3.5 Hz
    reference_rms_uv: float = 5.0  # what the common reference sees
    mains_uv: Range = (0.5, 4.0)

    # seizures
    seizure_share: float = 0.36  # recordings that hold one or two
    second_seizure_share: float = 0.4  # of those long enough to hold two
    edge_share: float = 0.05  # seizures that begin before the recording, or go on after it
    seizure_start_uv: Range = (22.0, 32.0)
    seizure_end_uv: Range = (60.0, 95.0)
    start_hz: Range = (5.5, 9.0)  # of the focal and generalised kinds
    end_hz: Range = (1.6, 2.8)
    phase_jitter: float = 0.25  # radians rms: no rhythm of the brain is a clock's
    amplitude_jitter: float = 0.12
    sharpness: float = 0.9  # weight of the harmonics, which make waves spikes; 0: sine waves
    postictal_uv: Range = (20.0, 45.0)

    # artefacts, as episodes a minute; those of the second group outlast any opening or minimum duration
    blinks_a_minute: Range = (4.0, 16.0)  # while the eyes are open
    blink_uv: Range = (100.0, 200.0)
    saccades_a_minute: Range = (2.0, 8.0)
    saccade_uv: Range = (30.0, 80.0)
    pops_a_minute: float = 0.25
    pop_uv: Range = (100.0, 500.0)
    muscle_a_minute: float = 0.7
    muscle_rms_uv: Range = (30.0, 110.0)
    drift_a_minute: float = 0.15
    drift_uv: Range = (100.0, 400.0)

    chewing_a_minute: float = 0.3  # rhythmic, of one frequency: no evolution
    chewing_uv: Range = (60.0, 180.0)
    movement_a_minute: float = 0.25  # irregular and slow, all over the head
    movement_rms_uv: Range = (50.0, 140.0)
    movement_hz: Range = (0.5, 4.0)  # higher, and it looks like a wild seizure even to a human
    rhythmic_delta_a_minute: float = 0.15  # smooth frontal waves of one frequency
    rhythmic_delta_uv: Range = (60.0, 120.0)
    loose_a_minute: float = 0.12  # an electrode off the skin: mains and noise
    loose_uv: Range = (60.0, 300.0)


DEFAULT = Difficulty()
