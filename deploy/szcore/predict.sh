# What the image runs: events of $DATA_DIR/$INPUT, an EDF file, into $OUTPUT_DIR/$OUTPUT, a HED-SCORE TSV file.
: "${INPUT:?names an EDF file below $DATA_DIR}"
: "${OUTPUT:?names the TSV file to write below $OUTPUT_DIR}"
python3 -m seizure predict "$DATA_DIR/$INPUT" --model "$MODEL" --out "$OUTPUT_DIR/$OUTPUT" --format tsv && exit 0
status=$?
# SzCORE takes a header alone for a recording without detections; the empty file that it makes itself stops it
[ -s "$OUTPUT_DIR/$OUTPUT" ] ||
    printf 'onset\tduration\teventType\tconfidence\tchannels\tdateTime\trecordingDuration\n' >"$OUTPUT_DIR/$OUTPUT"
exit "$status"
