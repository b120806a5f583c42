"""Operations on grey pictures: arrays in, arrays out."""
