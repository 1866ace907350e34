CREATE TABLE orders (id serial PRIMARY KEY, placed_by text NOT NULL, done integer NOT NULL DEFAULT 0);
CREATE TABLE ticks (second bigint PRIMARY KEY, times integer NOT NULL DEFAULT 1);
